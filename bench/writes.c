/* writes COUNT: that many one-byte writes to /dev/null. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv) {
  long count = argc > 1 ? atol(argv[1]) : 0;
  int fd = open("/dev/null", O_WRONLY);

  while (count-- > 0)
    if (write(fd, "", 1) != 1)
      return 1;
  return 0;
}
