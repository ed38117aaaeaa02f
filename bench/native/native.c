/* The benchmark programs, compiled for this machine: answers "CASE REPEAT" with "nanoseconds of processor time a run, result". Packets lie below 4 GiB. */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include "../programs/common.h"
#undef bpf_map_lookup_elem
#define CASES(X) X(z_empty) X(a_sieve) X(b_jhash) X(b_mm64) X(c_parse) X(d_strscan) X(e_array16) X(e_array16a) \
	X(f_hlookup16) X(f_hupdate16) X(g_hist) X(i_calls) X(j_csum1k) X(j_copy1k) X(k_muldiv) X(l_helpers) X(m_dfa) X(n_stackhist)
#define D(n) extern int n(struct xdp_md *);
CASES(D)
#define E(n) { #n, n },
static struct { const char *name; int (*run)(struct xdp_md *); } table[] = { CASES(E) };
extern struct rmap e_arr, ea_arr, f_h, fu_h, g_h;

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

int main(int argc, char **argv)
{
	char line[512], name[64], path[256];
	long repeat;
	if (argc > 2) return 1;
	u8 *low = mmap(0, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT | MAP_POPULATE, -1, 0);
	if (low == MAP_FAILED) return 1;
	struct xdp_md *ctx = (struct xdp_md *)low;
	u8 *packet = low + 4096 + 256;
	rmap_init(&e_arr); rmap_init(&ea_arr); rmap_init(&f_h); rmap_init(&fu_h); rmap_init(&g_h);
	while (fgets(line, sizeof line, stdin)) {
		if (sscanf(line, "%63s %ld %255s", name, &repeat, path) != 3) continue;
		FILE *f = fopen(path, "rb");
		size_t size = f ? fread(packet, 1, 4096, f) : 0;
		if (f) fclose(f);
		ctx->data = (u32)(uintptr_t)packet;
		ctx->data_end = ctx->data + size;
		int (*volatile run)(struct xdp_md *) = 0;
		for (unsigned i = 0; i < sizeof table / sizeof *table; i++) if (!strcmp(table[i].name, name)) run = table[i].run;
		unsigned result = 0;
		double start = now();
		for (long i = 0; run && i < repeat; i++) result = run(ctx);
		printf("%.4f %u\n", (now() - start) / repeat, result);
		fflush(stdout);
	}
}
