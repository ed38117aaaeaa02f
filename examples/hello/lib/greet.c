/* The greeting itself. */
#include "greet.h"

#include <stdio.h>

void greet(const char *name, char *text, size_t size) { snprintf(text, size, "hello, %s", name); }
