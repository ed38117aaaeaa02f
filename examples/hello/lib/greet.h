/* Writes a greeting for `name` into `text`, at most `size` bytes with its NUL. */
#include <stddef.h>

void greet(const char *name, char *text, size_t size);
