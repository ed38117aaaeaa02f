/** Traced tasks: this very process as the task, and a scripted tracee that lies about its CPU. */
import { spawn } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { afterAll, describe, expect, test } from 'vitest';
import { decodeText, ERRNO, encodeText } from '../../base/index.ts';
import { Mem } from '../../mem/index.ts';
import { loadSys, type Sys } from '../../sys/index.ts';
import { ProcTask, TaskEnv } from './task.ts';

function tracing(): Sys | undefined {
  try {
    return loadSys();
  } catch {
    return undefined;
  }
}

const sys = tracing();
if (sys === undefined) {
  describe('tasks', () => test.skip('skipped: no system calls can be made here'));
} else {
  const mem = Mem.create({ initial: 1 << 17 });
  const cpus = Math.max(availableParallelism(), 1024);
  const opened: ProcTask[] = [];
  const makeTask = (use: Sys, possibleCpus = cpus, tid = process.pid): ProcTask => {
    const task = new ProcTask(new TaskEnv(use, mem, possibleCpus), tid, tid);
    opened.push(task);
    return task;
  };
  afterAll(() => {
    for (const task of opened) task.close();
  });
  const self = makeTask(sys);

  test('identity', () => {
    expect([self.uid(), self.gid()]).toEqual([process.getuid?.(), process.getgid?.()]);
    expect(`${decodeText(self.comm())}\n`).toBe(readFileSync(`/proc/${process.pid}/comm`, 'utf8'));
    expect(self.threads()).toContain(process.pid);
    expect(self.prio()).toBeGreaterThanOrEqual(0);
    expect(self.cpu()).toBeLessThan(cpus);
    const uptime = BigInt(Math.floor(Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 1e9));
    expect(self.startTime()).toBeGreaterThan(0n);
    expect(self.startTime()).toBeLessThanOrEqual(uptime);
  });

  test('a name is remembered until it is invalidated', () => {
    const task = makeTask(sys);
    const before = decodeText(task.comm());
    const title = process.title;
    process.title = 'a name of 15 by';
    try {
      expect(decodeText(task.comm())).toBe(before);
      task.invalidate('creds');
      expect(decodeText(task.comm())).toBe(before);
      task.invalidate('comm');
      expect(decodeText(task.comm())).toBe('a name of 15 by');
    } finally {
      process.title = title;
    }
  });

  test('memory: readable, absent, kernel addresses', () => {
    const block = sys.block(4096);
    block.u8.set(encodeText('some bytes'));
    const address = BigInt(block.address);
    expect(self.readUser(address, 4096, 10)).toBe(10);
    expect(decodeText(mem.copyOut(4096, 10))).toBe('some bytes');
    expect(self.readUser(address, 4096, 0)).toBe(0);
    for (const bad of [0n, 8n, 0x7fff_ffff_f000n, 0xffff_8880_0000_0000n, 0xffff_ffff_ff60_0000n, 0x8000_0000_0000n]) {
      expect([bad, self.readUser(bad, 4096, 8)]).toEqual([bad, -ERRNO.EFAULT]);
    }
  });

  test('memory is written whole or in part, never outside of the process', () => {
    const block = sys.block(16);
    mem.copyIn(4096, encodeText('written'));
    expect(self.writeUser(BigInt(block.address), 4096, 7)).toBe(7);
    expect(decodeText(block.u8.slice(0, 8))).toBe('written\0');
    for (const bad of [0n, 0x7fff_ffff_f000n, 0xffff_8880_0000_0000n])
      expect([bad, self.writeUser(bad, 4096, 8)]).toEqual([bad, -ERRNO.EFAULT]);
  });

  test('its pid namespace', () => {
    const { dev, ino } = statSync('/proc/self/ns/pid', { bigint: true });
    expect(self.pidNamespace()).toEqual({ dev, ino, tid: process.pid, tgid: process.pid });
    expect(makeTask(sys, cpus, 0x7fff_fff0).pidNamespace()).toBeUndefined();
  });

  test.each(['process', 'thread'] as const)('signals to a %s', async (target) => {
    const child = spawn('sleep', ['30']);
    const ended = new Promise((resolve) => child.once('exit', (_, signal) => resolve(signal)));
    expect(makeTask(sys, cpus, child.pid ?? 0).sendSignal(10, target)).toBe(0);
    expect(await ended).toBe('SIGUSR1');
    expect(makeTask(sys, cpus, 0x7fff_fff0).sendSignal(10, target)).toBe(-ERRNO.ESRCH);
  });

  test('a task that is gone answers without failing', () => {
    const gone = makeTask(sys, cpus, 0x7fff_fff0);
    expect(gone.comm()).toHaveLength(0);
    expect([gone.cpu(), gone.startTime(), gone.uid(), gone.threads()]).toEqual([0, 0n, 65534, [0x7fff_fff0]]);
    expect(gone.readUser(4096n, 4096, 8)).toBeLessThan(0);
  });

  describe('the CPU number is the tracee’s word, and checked', () => {
    const lying = (cpu: number, size = 4): Sys & { asked: number } => {
      const fake = {
        ...sys,
        asked: 0,
        ptrace: (_request: number, _tid: number, _addr: number | bigint, data: number | bigint) => {
          fake.asked++;
          // The task's scratch block is the only block it made.
          made.dv.setBigUint64(Number(data) - made.address, 0x5000n, true);
          return 24;
        },
        readMemory: (_tid: number, _remote: bigint, local: number) => {
          made.dv.setUint32(local - made.address, cpu, true);
          return size;
        },
        block: (bytes: number) => {
          made = sys.block(bytes);
          return made;
        },
      };
      let made = sys.block(8);
      return fake;
    };

    test('believed where possible; the area is looked up once until an exec', () => {
      const fake = lying(1);
      const task = makeTask(fake, 2);
      expect([task.cpu(), task.cpu(), fake.asked]).toEqual([1, 1, 1]);
      task.invalidate('exec');
      expect([task.cpu(), fake.asked]).toEqual([1, 2]);
    });

    test.each([2, 3, 0x7fff_ffff, 0xffff_ffff, 0x8000_0000])('%i of 2 is not: /proc answers', (cpu) => {
      expect(makeTask(lying(cpu), 2).cpu()).toBeLessThan(2);
    });

    test('unreadable: /proc answers', () => {
      expect(makeTask(lying(1, -14), 2).cpu()).toBeLessThan(2);
    });
  });
}
