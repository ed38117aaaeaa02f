/*
 * stopwatch FILE COMMAND...: writes to FILE the nanoseconds from this program's start to the command's exit, and exits as the command did.
 * Run under a tracer it measures what the tracer costs the command, without the tracer's own start and end.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

int main(int argc, char **argv) {
  long long start = now();
  int status = 0;
  pid_t child;
  FILE *out;

  if (argc < 3)
    return 125;
  child = vfork();
  if (child == 0) {
    execvp(argv[2], argv + 2);
    _exit(127);
  }
  if (child < 0 || waitpid(child, &status, 0) < 0)
    return 125;
  long long end = now();
  out = fopen(argv[1], "w");
  if (out == NULL)
    return 125;
  fprintf(out, "%lld\n", end - start);
  fclose(out);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
