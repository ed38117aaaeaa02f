/* Counts words. */
#include <ctype.h>

int count_words(const char *text) {
  int words = 0;
  int inside = 0;

  for (; *text != '\0'; text++) {
    int space = isspace((unsigned char)*text);
    if (!space && !inside)
      words++;
    inside = !space;
  }
  return words;
}
