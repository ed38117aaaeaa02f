/** Job control of a terminal: a command that stops itself must give the terminal back to the shell, which only sees bpfwright. */
import { readFileSync } from 'node:fs';

/** Milliseconds after which a stop counts as lasting; a Ctrl-Z of the terminal has stopped and continued both of us by then. */
const SETTLE = 100;

interface Process {
  readonly state: string;
  readonly group: number;
  /** Foreground process group of its terminal; -1 without one. */
  readonly foreground: number;
}

function look(pid: number): Process | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { state: fields[0] ?? '', group: Number(fields[2]), foreground: Number(fields[5]) };
  } catch {
    return undefined;
  }
}

/**
 * Stops this process as the command `pid` has stopped itself, so that the shell prints its prompt. `fg` continues the whole group, the command
 * with it. Only in the foreground of a terminal and in the command's own group: elsewhere nobody would wake us.
 */
export function stopToo(pid: number): void {
  setTimeout(() => {
    const command = look(pid);
    const own = look(process.pid);
    if (command === undefined || own === undefined || !/[Tt]/.test(command.state)) return;
    if (own.group === command.group && own.group === own.foreground) process.kill(process.pid, 'SIGSTOP');
  }, SETTLE);
}
