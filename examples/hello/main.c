/* Greets whoever is named on the command line. */
#include <stdio.h>

#include "greet.h"

int count_words(const char *text);

int main(int argc, char **argv) {
  char text[256];

  greet(argc > 1 ? argv[1] : "world", text, sizeof(text));
  printf("%s (%d words)\n", text, count_words(text));
  return 0;
}
