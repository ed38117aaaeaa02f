/** Programs with objects of their own: lists, trees, counted and per-CPU objects; one that keeps each rule, and one that breaks it. */
import type { Question } from '../support/verifier.ts';
import type { Case } from './cases.ts';
import { SHARED } from './field-maps.ts';

const row = (name: string, text: string, more: Partial<Question> = {}): Case => ({ name, type: 3, ...SHARED.program(text), ...more });

/** r6 = value of key 0. */
const value = (map: string, to = 'r6'): string => `
  *(u32 *)(r10 - 4) = 0
  r2 = r10
  r2 += -4
  r1 = map[fd:$${map}]
  call bpf_map_lookup_elem
  if r0 == 0 goto out
  ${to} = r0
`;
const make = (type: string, to = 'r7', missing = 'out'): string => `
  r1 = typeid(${type})
  r2 = 0
  call kfunc bpf_obj_new_impl
  if r0 == 0 goto ${missing}
  ${to} = r0
`;
const drop = (reg = 'r7'): string => `r1 = ${reg}\nr2 = 0\ncall kfunc bpf_obj_drop_impl\n`;
const lock = (reg = 'r6', off = 0): string => `r1 = ${reg}\nr1 += ${off}\ncall bpf_spin_lock\n`;
const unlock = (reg = 'r6', off = 0): string => `r1 = ${reg}\nr1 += ${off}\ncall bpf_spin_unlock\n`;
const push = (reg = 'r7', { root = 'r6', head = 8, node = 8, end = 'front' } = {}): string =>
  `r1 = ${root}\nr1 += ${head}\nr2 = ${reg}\nr2 += ${node}\nr3 = 0\nr4 = 0\ncall kfunc bpf_list_push_${end}_impl\n`;
const pop = (end = 'front', { root = 'r6', head = 8 } = {}): string => `r1 = ${root}\nr1 += ${head}\ncall kfunc bpf_list_pop_${end}\n`;
const peek = (end = 'front', head = 8): string => `r1 = r6\nr1 += ${head}\ncall kfunc bpf_list_${end}\n`;
const add = (reg = 'r7', { root = 'r6', head = 8, node = 8 } = {}): string =>
  `r1 = ${root}\nr1 += ${head}\nr2 = ${reg}\nr2 += ${node}\nr3 = &less\nr4 = 0\nr5 = 0\ncall kfunc bpf_rbtree_add_impl\n`;
const first = (head = 8): string => `r1 = r6\nr1 += ${head}\ncall kfunc bpf_rbtree_first\n`;
const remove = (reg = 'r0', head = 8): string => `r2 = ${reg}\nr1 = r6\nr1 += ${head}\ncall kfunc bpf_rbtree_remove\n`;
const root = (head = 8): string => `r1 = r6\nr1 += ${head}\ncall kfunc bpf_rbtree_root\n`;
const side = (which: string, reg = 'r0', head = 8): string => `r2 = ${reg}\nr1 = r6\nr1 += ${head}\ncall kfunc bpf_rbtree_${which}\n`;
const acquire = (reg: string): string => `r1 = ${reg}\nr2 = 0\ncall kfunc bpf_refcount_acquire_impl\n`;
const OUT = '\nout:\nr0 = 0\nexit\n';
/** Keys are at byte 0, the pointers come at byte 8. */
const LESS = `less:\nr1 = *(u64 *)(r1 - 8)\nr2 = *(u64 *)(r2 - 8)\nr0 = 0\nif r1 >= r2 goto more\nr0 = 1\nmore:\nexit\n`;

const NEW: readonly Case[] = [
  row('new and drop', make('own') + drop() + OUT),
  row('new and leak', make('own') + OUT),
  row(
    'new unchecked, dropped',
    `r1 = typeid(own)\nr2 = 0\ncall kfunc bpf_obj_new_impl\nr1 = r0\nr2 = 0\ncall kfunc bpf_obj_drop_impl\n${OUT}`,
  ),
  row('new unchecked, read', `r1 = typeid(own)\nr2 = 0\ncall kfunc bpf_obj_new_impl\nr1 = *(u64 *)(r0 + 0)\n${OUT}`),
  row('new of a number', make('u64') + drop() + OUT),
  row('new of a union', make('either') + drop() + OUT),
  row('new of an empty structure', make('empty') + drop() + OUT),
  row('new of no type', `r1 = 100000\nr2 = 0\ncall kfunc bpf_obj_new_impl\n${OUT}`),
  row('new of a huge number', `r1 = 1\nr1 <<= 32\nr2 = 0\ncall kfunc bpf_obj_new_impl\n${OUT}`),
  row('new of an unknown number', `call bpf_get_prandom_u32\nr1 = r0\nr2 = 0\ncall kfunc bpf_obj_new_impl\n${OUT}`),
  row('new of a pointer', `r1 = r10\nr2 = 0\ncall kfunc bpf_obj_new_impl\n${OUT}`),
  row('new with a lock', make('lockobj') + drop() + OUT),
  row('new with a kptr', make('keeper') + drop() + OUT),
  row('drop twice', make('own') + drop() + drop() + OUT),
  row('drop of NULL', `r1 = 0\nr2 = 0\ncall kfunc bpf_obj_drop_impl\n${OUT}`),
  row('drop of the stack', `r1 = r10\nr2 = 0\ncall kfunc bpf_obj_drop_impl\n${OUT}`),
  row('drop of a map value', value('plainarray') + drop('r6') + OUT),
  row('drop of a moved pointer', `${make('own')}r7 += 8\n${drop()}${OUT}`),
  row('drop of an object moved back', `${make('own')}r7 += 8\nr7 += -8\n${drop()}${OUT}`),
  row('use after drop', `${make('own')}${drop()}r1 = *(u64 *)(r7 + 0)\n${OUT}`),
  row('copy after drop', `${make('own')}r8 = r7\n${drop()}r1 = *(u64 *)(r8 + 0)\n${OUT}`),
  row('spilled copy after drop', `${make('own')}*(u64 *)(r10 - 16) = r7\n${drop()}r8 = *(u64 *)(r10 - 16)\nr1 = *(u64 *)(r8 + 0)\n${OUT}`),
  row('two objects', `${make('own') + make('own', 'r8', 'drop7') + drop('r8')}drop7:\n${drop()}${OUT}`),
  row('two objects, one leaks', `${make('own') + make('own', 'r8', 'drop7')}drop7:\n${drop()}${OUT}`),
  row('drop in a subprogram', `${make('own')}r1 = r7\ncall sub\n${OUT}sub:\nr2 = 0\ncall kfunc bpf_obj_drop_impl\nr0 = 0\nexit\n`),
  row(
    'made in a subprogram',
    `call sub\nif r0 == 0 goto out\nr7 = r0\n${drop()}${OUT}sub:\nr1 = typeid(own)\nr2 = 0\ncall kfunc bpf_obj_new_impl\nexit\n`,
  ),
  row(
    'drop of a percpu object',
    `r1 = typeid(own)\nr2 = 0\ncall kfunc bpf_percpu_obj_new_impl\nif r0 == 0 goto out\nr1 = r0\nr2 = 0\ncall kfunc bpf_obj_drop_impl\n${OUT}`,
  ),
  row(
    'percpu new and drop',
    `r1 = typeid(own)\nr2 = 0\ncall kfunc bpf_percpu_obj_new_impl\nif r0 == 0 goto out\nr1 = r0\nr2 = 0\ncall kfunc bpf_percpu_obj_drop_impl\n${OUT}`,
  ),
  row('percpu new and leak', `r1 = typeid(own)\nr2 = 0\ncall kfunc bpf_percpu_obj_new_impl\nif r0 == 0 goto out\n${OUT}`),
  row('percpu drop of a plain object', `${make('own')}r1 = r7\nr2 = 0\ncall kfunc bpf_percpu_obj_drop_impl\n${OUT}`),
  ...['large', 'fits', 'element', 'with_pointer', 'deep', 'deep0', 'keeper', 'either', 'u64'].map((type) =>
    row(
      `percpu new of ${type}`,
      `r1 = typeid(${type})\nr2 = 0\ncall kfunc bpf_percpu_obj_new_impl\nif r0 == 0 goto out\nr1 = r0\nr2 = 0\ncall kfunc bpf_percpu_obj_drop_impl\n${OUT}`,
    ),
  ),
  row(
    'percpu object read',
    `r1 = typeid(own)\nr2 = 0\ncall kfunc bpf_percpu_obj_new_impl\nif r0 == 0 goto out\nr1 = *(u64 *)(r0 + 0)\n${OUT}`,
  ),
  row('new of socket filter', make('own') + drop() + OUT, { type: 1 }),
  row('new of XDP', make('own') + drop() + OUT, { type: 6 }),
  row('new of kprobe', make('own') + drop() + OUT, { type: 2 }),
  row('new without GPL', make('own') + drop() + OUT, { license: 'MIT' }),
  { name: 'new without BTF', type: 3, text: `r1 = 5\nr2 = 0\ncall kfunc bpf_obj_new_impl\nr0 = 0\nexit` },
];

const ACCESS: readonly Case[] = [
  row('object read', `${make('own')}r1 = *(u64 *)(r7 + 8)\n${drop()}${OUT}`),
  row('object written', `${make('own')}*(u64 *)(r7 + 8) = 5\n${drop()}${OUT}`),
  row('object written by register', `${make('own')}r1 = 5\n*(u32 *)(r7 + 4) = r1\n${drop()}${OUT}`),
  row('object given a pointer', `${make('own')}*(u64 *)(r7 + 8) = r10\n${drop()}${OUT}`),
  row('object read beyond', `${make('own')}r1 = *(u64 *)(r7 + 16)\n${drop()}${OUT}`),
  row('object read across the end', `${make('own')}r1 = *(u64 *)(r7 + 12)\n${drop()}${OUT}`),
  row('object read before', `${make('own')}r1 = *(u64 *)(r7 - 8)\n${drop()}${OUT}`),
  row(
    'object read at a variable offset',
    `${make('own')}call bpf_get_prandom_u32\nr0 &= 8\nr8 = r7\nr8 += r0\nr1 = *(u64 *)(r8 + 0)\n${drop()}${OUT}`,
  ),
  row('object atomic', `${make('own')}r1 = 1\nlock *(u64 *)(r7 + 8) += r1\n${drop()}${OUT}`),
  row('object as helper memory', `${make('own')}r1 = r7\nr2 = 8\nr3 = 0\ncall bpf_trace_printk\n${drop()}${OUT}`),
  row('object as a key', `${make('own')}r1 = map[fd:$plain]\nr2 = r7\ncall bpf_map_lookup_elem\n${drop()}${OUT}`),
  ...(
    ['element:8:list node', 'leaf:8:tree node', 'lockobj:8:lock', 'lockobj:16:list head', 'only_count:8:count', 'keeper:8:kptr'] as const
  ).flatMap((what) => {
    const [type = '', off = '', name] = what.split(':');
    return [
      row(`${name} of an object read`, `${make(type)}r1 = *(u32 *)(r7 + ${off})\n${drop()}${OUT}`),
      row(`${name} of an object written`, `${make(type)}*(u32 *)(r7 + ${off}) = 0\n${drop()}${OUT}`),
      row(`before the ${name} of an object`, `${make(type)}r1 = *(u64 *)(r7 + ${Number(off) - 8})\n${drop()}${OUT}`),
      row(`across the ${name} of an object`, `${make(type)}r1 = *(u64 *)(r7 + ${Number(off) - 4})\n${drop()}${OUT}`),
    ];
  }),
  row('pointer member of an object is a number', `${make('with_pointer')}r1 = *(u64 *)(r7 + 8)\nr1 = *(u64 *)(r1 + 0)\n${drop()}${OUT}`),
  row('nested member of an object', `${make('deep')}r1 = *(u64 *)(r7 + 0)\n${drop()}${OUT}`),
  row('array member of an object', `${make('large')}r1 = *(u64 *)(r7 + 512)\n${drop()}${OUT}`),
  row(
    'borrowed node read',
    `${make('element')}${value('listed', 'r6').replace('goto out', 'goto undo')}${lock()}${push()}r1 = *(u64 *)(r7 + 0)\n${unlock()}goto out\nundo:\n${drop()}${OUT}`,
  ),
];

/** An object in r7, a value in r6; where the value is missing the object is dropped. */
const with7 = (type: string, map: string, then: string, end = ''): string => `${value(map)}${make(type)}${then}${OUT}${end}`;

const LISTS: readonly Case[] = [
  row('push', with7('element', 'listed', lock() + push() + unlock())),
  row('push back', with7('element', 'listed', lock() + push('r7', { end: 'back' }) + unlock())),
  row('push without lock', with7('element', 'listed', push())),
  row('push after unlock', with7('element', 'listed', lock() + unlock() + push())),
  row('push under the lock of another value', with7('element', 'listed', `${value('listed', 'r8')}${lock('r8')}${push()}${unlock('r8')}`)),
  row(
    'push under the lock of another map',
    `${value('treed', 'r8')}${with7('element', 'listed', `${lock('r8')}${push()}${unlock('r8')}`)}`,
  ),
  row('push twice', with7('element', 'listed', lock() + push() + push() + unlock())),
  row('push and drop', with7('element', 'listed', lock() + push() + unlock() + drop())),
  row('push and leak the lock', with7('element', 'listed', lock() + push())),
  row('push and read', with7('element', 'listed', `${lock()}${push()}r1 = *(u64 *)(r7 + 0)\n${unlock()}`)),
  row('push and write', with7('element', 'listed', `${lock()}${push()}*(u64 *)(r7 + 0) = 1\n${unlock()}`)),
  row('push and read after unlock', with7('element', 'listed', `${lock()}${push()}${unlock()}r1 = *(u64 *)(r7 + 0)\n`)),
  row('push at the wrong head', with7('element', 'listed', lock() + push('r7', { head: 0 }) + unlock())),
  row(
    'push at a variable head',
    with7(
      'element',
      'listed',
      `r8 = *(u32 *)(r6 + 4)\nr8 &= 8\n${lock()}r1 = r6\nr1 += r8\nr2 = r7\nr2 += 8\nr3 = 0\nr4 = 0\ncall kfunc bpf_list_push_front_impl\n${unlock()}`,
    ),
  ),
  row('push of the wrong member', with7('element', 'listed', lock() + push('r7', { node: 0 }) + unlock())),
  row('push of another type', with7('other', 'listed', lock() + push() + unlock())),
  row('push of a tree node', with7('leaf', 'listed', lock() + push() + unlock())),
  row('push of the second node', with7('twonodes', 'second', lock() + push('r7', { node: 32 }) + unlock())),
  row('push of the first node where the second belongs', with7('twonodes', 'second', lock() + push('r7', { node: 8 }) + unlock())),
  row(
    'push of NULL',
    `${value('listed')}${lock()}r1 = r6\nr1 += 8\nr2 = 0\nr3 = 0\nr4 = 0\ncall kfunc bpf_list_push_front_impl\n${unlock()}${OUT}`,
  ),
  row(
    'push of the stack',
    `${value('listed')}${lock()}r1 = r6\nr1 += 8\nr2 = r10\nr3 = 0\nr4 = 0\ncall kfunc bpf_list_push_front_impl\n${unlock()}${OUT}`,
  ),
  row(
    'push of a map value',
    `${value('listed')}${lock()}r1 = r6\nr1 += 8\nr2 = r6\nr3 = 0\nr4 = 0\ncall kfunc bpf_list_push_front_impl\n${unlock()}${OUT}`,
  ),
  row(
    'push of an unchecked object',
    `${value('listed')}r1 = typeid(element)\nr2 = 0\ncall kfunc bpf_obj_new_impl\nr7 = r0\n${lock()}r1 = r6\nr1 += 8\nr2 = r7\nr3 = 0\nr4 = 0\ncall kfunc bpf_list_push_front_impl\n${unlock()}${OUT}`,
  ),
  row('push to the stack', `${make('element')}r1 = r10\nr2 = r7\nr2 += 8\nr3 = 0\nr4 = 0\ncall kfunc bpf_list_push_front_impl\n${OUT}`),
  row('push to the context', `r6 = r1\n${make('element')}${push('r7', { head: 0 })}${OUT}`),
  row('push to a map without list', with7('element', 'lock', lock('r6', 8) + push('r7', { head: 0 }) + unlock('r6', 8))),
  row(
    'push to global data',
    `r6 = map[fd:$bss][0]+0\n${make('element')}${lock('r6', 8)}${push('r7', { head: 24 })}${unlock('r6', 8)}${OUT}`,
  ),
  row(
    'push to global data, two loads of its address',
    `r6 = map[fd:$bss][0]+8\n${make('element')}${lock('r6', 0)}r8 = map[fd:$bss][0]+24\n${push('r7', { root: 'r8', head: 0 })}${unlock('r6', 0)}${OUT}`,
  ),
  row('pop', `${value('listed')}${lock()}${pop()}${`r7 = r0\n`}${unlock()}if r7 == 0 goto out\nr7 += -8\n${drop()}${OUT}`),
  row('pop back', `${value('listed')}${lock()}${pop('back')}r7 = r0\n${unlock()}if r7 == 0 goto out\nr7 += -8\n${drop()}${OUT}`),
  row('pop and leak', `${value('listed')}${lock()}${pop()}r7 = r0\n${unlock()}if r7 == 0 goto out\n${OUT}`),
  row('pop and drop at the node', `${value('listed')}${lock()}${pop()}r7 = r0\n${unlock()}if r7 == 0 goto out\n${drop()}${OUT}`),
  row(
    'pop and read',
    `${value('listed')}${lock()}${pop()}r7 = r0\n${unlock()}if r7 == 0 goto out\nr1 = *(u64 *)(r7 - 8)\nr1 = *(u64 *)(r7 + 24)\nr7 += -8\n${drop()}${OUT}`,
  ),
  row('pop and read unchecked', `${value('listed')}${lock()}${pop()}r7 = *(u64 *)(r0 - 8)\n${unlock()}${OUT}`),
  row(
    'pop and push back',
    `${value('listed')}${lock()}${pop()}if r0 == 0 goto none\nr7 = r0\n${push('r7', { node: 0 })}none:\n${unlock()}${OUT}`,
  ),
  row('pop without lock', `${value('listed')}${pop()}${OUT}`),
  row(
    'pop from an object',
    `${make('lockobj')}${lock('r7', 8)}${pop('front', { root: 'r7', head: 16 })}r8 = r0\n${unlock('r7', 8)}${drop()}if r8 == 0 goto out\nr8 += -8\n${drop('r8')}${OUT}`,
  ),
  row('pop from an object without lock', `${make('lockobj')}${pop('front', { root: 'r7', head: 16 })}${OUT}`),
  row(
    'pop from an object under a value’s lock',
    `${value('listed')}${make('lockobj')}${lock()}${pop('front', { root: 'r7', head: 16 })}${OUT}`,
  ),
  row(
    'push to an object',
    `${make('lockobj')}${make('element', 'r8', 'drop7')}${lock('r7', 8)}${push('r8', { root: 'r7', head: 16 })}${unlock('r7', 8)}drop7:\n${drop()}${OUT}`,
  ),
  row('front', `${value('listed')}${lock()}${peek()}if r0 == 0 goto none\nr1 = *(u64 *)(r0 - 8)\nnone:\n${unlock()}${OUT}`),
  row('back', `${value('listed')}${lock()}${peek('back')}if r0 == 0 goto none\nr1 = *(u64 *)(r0 - 8)\nnone:\n${unlock()}${OUT}`),
  row('front unchecked', `${value('listed')}${lock()}${peek()}r1 = *(u64 *)(r0 - 8)\n${unlock()}${OUT}`),
  row('front after unlock', `${value('listed')}${lock()}${peek()}r7 = r0\n${unlock()}if r7 == 0 goto out\nr1 = *(u64 *)(r7 - 8)\n${OUT}`),
  row('front dropped', `${value('listed')}${lock()}${peek()}r7 = r0\nif r7 == 0 goto none\nr7 += -8\n${drop()}none:\n${unlock()}${OUT}`),
  row(
    'front pushed',
    `${value('listed')}${lock()}${peek()}r7 = r0\nif r7 == 0 goto none\n${push('r7', { node: 0 })}none:\n${unlock()}${OUT}`,
  ),
  row('front without lock', `${value('listed')}${peek()}${OUT}`),
  row('new under the lock', `${value('listed')}${lock()}r1 = typeid(element)\nr2 = 0\ncall kfunc bpf_obj_new_impl\n${unlock()}${OUT}`),
  row('drop under the lock', with7('element', 'listed', lock() + drop() + unlock())),
  row(
    'push under a resilient lock',
    with7(
      'element',
      'reslisted',
      `r1 = r6\ncall kfunc bpf_res_spin_lock\nif r0 != 0 goto undo\n${push()}r1 = r6\ncall kfunc bpf_res_spin_unlock\ngoto out\nundo:\n${drop()}`,
    ),
  ),
  row('push without the resilient lock', with7('element', 'reslisted', push())),
  row(
    'push in a loop',
    `${value('listed')}r9 = 0\nagain:\n${make('element')}${lock()}${push()}${unlock()}r9 += 1\nif r9 < 4 goto again\n${OUT}`,
  ),
];

const TREES: readonly Case[] = [
  row('add', with7('leaf', 'treed', lock() + add() + unlock(), LESS)),
  row('add without lock', with7('leaf', 'treed', add(), LESS)),
  row('add and leak the lock', with7('leaf', 'treed', lock() + add(), LESS)),
  row('add twice', with7('leaf', 'treed', lock() + add() + add() + unlock(), LESS)),
  row('add and read', with7('leaf', 'treed', `${lock()}${add()}r1 = *(u64 *)(r7 + 0)\n${unlock()}`, LESS)),
  row('add and read after unlock', with7('leaf', 'treed', `${lock()}${add()}${unlock()}r1 = *(u64 *)(r7 + 0)\n`, LESS)),
  row('add and drop', with7('leaf', 'treed', `${lock()}${add()}${unlock()}${drop()}`, LESS)),
  row('add of a list node', with7('element', 'treed', lock() + add() + unlock(), LESS)),
  row('add of the wrong member', with7('leaf', 'treed', lock() + add('r7', { node: 0 }) + unlock(), LESS)),
  row('add of another type', with7('shared_node', 'treed', lock() + add('r7', { node: 40 }) + unlock(), LESS)),
  row('add at the wrong root', with7('leaf', 'treed', lock() + add('r7', { head: 0 }) + unlock(), LESS)),
  row(
    'add without a callback',
    with7(
      'leaf',
      'treed',
      `${lock()}r1 = r6\nr1 += 8\nr2 = r7\nr2 += 8\nr3 = 0\nr4 = 0\nr5 = 0\ncall kfunc bpf_rbtree_add_impl\n${unlock()}`,
    ),
  ),
  row('callback returns 2', with7('leaf', 'treed', lock() + add() + unlock(), 'less:\nr0 = 2\nexit\n')),
  row('callback returns a pointer', with7('leaf', 'treed', lock() + add() + unlock(), 'less:\nr0 = r1\nexit\n')),
  row(
    'callback unlocks',
    with7('leaf', 'treed', lock() + add() + unlock(), `less:\nr1 = map[fd:$treed]\ncall bpf_spin_unlock\nr0 = 0\nexit\n`),
  ),
  row('callback calls a helper', with7('leaf', 'treed', lock() + add() + unlock(), 'less:\ncall bpf_get_prandom_u32\nr0 = 0\nexit\n')),
  row(
    'callback adds',
    with7('leaf', 'treed', lock() + add() + unlock(), 'less:\nr3 = 0\nr4 = 0\nr5 = 0\ncall kfunc bpf_rbtree_add_impl\nr0 = 0\nexit\n'),
  ),
  row('callback removes', with7('leaf', 'treed', lock() + add() + unlock(), 'less:\ncall kfunc bpf_rbtree_remove\nr0 = 0\nexit\n')),
  row(
    'callback asks for the first',
    with7('leaf', 'treed', lock() + add() + unlock(), 'less:\ncall kfunc bpf_rbtree_first\nr0 = 0\nexit\n'),
  ),
  row('callback writes', with7('leaf', 'treed', lock() + add() + unlock(), 'less:\n*(u64 *)(r1 - 8) = 1\nr0 = 0\nexit\n')),
  row('callback reads beyond', with7('leaf', 'treed', lock() + add() + unlock(), 'less:\nr0 = *(u64 *)(r1 + 40)\nr0 = 0\nexit\n')),
  row('callback reads the node', with7('leaf', 'treed', lock() + add() + unlock(), 'less:\nr0 = *(u64 *)(r1 + 0)\nr0 = 0\nexit\n')),
  row('callback uses a third argument', with7('leaf', 'treed', lock() + add() + unlock(), 'less:\nr0 = r3\nexit\n')),
  row('first', `${value('treed')}${lock()}${first()}if r0 == 0 goto none\nr1 = *(u64 *)(r0 - 8)\nnone:\n${unlock()}${OUT}`),
  row('first unchecked', `${value('treed')}${lock()}${first()}r1 = *(u64 *)(r0 - 8)\n${unlock()}${OUT}`),
  row('first without lock', `${value('treed')}${first()}${OUT}`),
  row('first after unlock', `${value('treed')}${lock()}${first()}r7 = r0\n${unlock()}if r7 == 0 goto out\nr1 = *(u64 *)(r7 - 8)\n${OUT}`),
  row(
    'first after unlock, checked before',
    `${value('treed')}${lock()}${first()}r7 = r0\nif r7 == 0 goto none\n${unlock()}r1 = *(u64 *)(r7 - 8)\ngoto out\nnone:\n${unlock()}${OUT}`,
  ),
  row('first is written', `${value('treed')}${lock()}${first()}if r0 == 0 goto none\n*(u64 *)(r0 - 8) = 1\nnone:\n${unlock()}${OUT}`),
  row(
    'first is dropped',
    `${value('treed')}${lock()}${first()}r7 = r0\nif r7 == 0 goto none\n${unlock()}r7 += -8\n${drop()}goto out\nnone:\n${unlock()}${OUT}`,
  ),
  row(
    'remove',
    `${value('treed')}${lock()}${first()}if r0 == 0 goto none\n${remove()}r7 = r0\n${unlock()}if r7 == 0 goto out\nr7 += -8\n${drop()}goto out\nnone:\n${unlock()}${OUT}`,
  ),
  row(
    'remove and leak',
    `${value('treed')}${lock()}${first()}if r0 == 0 goto none\n${remove()}r7 = r0\n${unlock()}goto out\nnone:\n${unlock()}${OUT}`,
  ),
  row('remove unchecked', `${value('treed')}${lock()}${first()}${remove()}${unlock()}${OUT}`),
  row(
    'remove and read unchecked',
    `${value('treed')}${lock()}${first()}if r0 == 0 goto none\n${remove()}r7 = r0\n${unlock()}r1 = *(u64 *)(r7 - 8)\ngoto out\nnone:\n${unlock()}${OUT}`,
  ),
  row(
    'remove of an owned object',
    with7(
      'leaf',
      'treed',
      `r8 = r7\nr8 += 8\n${lock()}${remove('r8')}r8 = r0\n${unlock()}${drop()}if r8 == 0 goto out\nr8 += -8\n${drop('r8')}`,
    ),
  ),
  row('remove of a number', `${value('treed')}${lock()}r1 = r6\nr1 += 8\nr2 = 5\ncall kfunc bpf_rbtree_remove\n${unlock()}${OUT}`),
  row(
    'remove twice',
    `${value('treed')}${lock()}${first()}if r0 == 0 goto none\nr8 = r0\n${remove('r8')}r7 = r0\n${remove('r8')}r9 = r0\n${unlock()}if r7 == 0 goto no7\nr7 += -8\n${drop()}no7:\nif r9 == 0 goto out\nr9 += -8\n${drop('r9')}goto out\nnone:\n${unlock()}${OUT}`,
  ),
  row(
    'removed is added again',
    `${value('treed')}${lock()}${first()}if r0 == 0 goto none\n${remove()}if r0 == 0 goto none\nr7 = r0\n${add('r7', { node: 0 })}none:\n${unlock()}${OUT}${LESS}`,
  ),
  row(
    'root, left and right',
    `${value('treed')}${lock()}${root()}if r0 == 0 goto none\nr7 = r0\n${side('left', 'r7')}if r0 == 0 goto none\nr1 = *(u64 *)(r0 - 8)\n${side('right', 'r7')}if r0 == 0 goto none\nr1 = *(u64 *)(r0 - 8)\nnone:\n${unlock()}${OUT}`,
  ),
  row('left unchecked', `${value('treed')}${lock()}${root()}${side('left')}${unlock()}${OUT}`),
  row('left of an owned object', with7('leaf', 'treed', `r8 = r7\nr8 += 8\n${lock()}${side('left', 'r8')}${unlock()}${drop()}`)),
  row(
    'left without lock',
    `${value('treed')}${lock()}${root()}if r0 == 0 goto none\nr7 = r0\n${unlock()}${side('left', 'r7')}goto out\nnone:\n${unlock()}${OUT}`,
  ),
  row(
    'left is removed',
    `${value('treed')}${lock()}${root()}if r0 == 0 goto none\nr7 = r0\n${side('left', 'r7')}if r0 == 0 goto none\n${remove()}r7 = r0\n${unlock()}if r7 == 0 goto out\nr7 += -8\n${drop()}goto out\nnone:\n${unlock()}${OUT}`,
  ),
  row(
    'walk to the left',
    `${value('treed')}${lock()}${root()}r9 = 0\nagain:\nif r0 == 0 goto none\nr7 = r0\n${side('left', 'r7')}r9 += 1\nif r9 < 4 goto again\nnone:\n${unlock()}${OUT}`,
  ),
];

const COUNTED: readonly Case[] = [
  row('acquire of an owned object', `${make('shared_node')}${acquire('r7')}r8 = r0\n${drop('r8')}${drop()}${OUT}`),
  row('acquire and leak', `${make('shared_node')}${acquire('r7')}r8 = r0\n${drop()}${OUT}`),
  row('acquire and drop twice', `${make('shared_node')}${acquire('r7')}r8 = r0\n${drop('r8')}${drop('r8')}${OUT}`),
  row('acquire of an uncounted object', `${make('element')}${acquire('r7')}${OUT}`),
  row('acquire of NULL', `r1 = 0\nr2 = 0\ncall kfunc bpf_refcount_acquire_impl\n${OUT}`),
  row('acquire of the stack', `r1 = r10\nr2 = 0\ncall kfunc bpf_refcount_acquire_impl\n${OUT}`),
  row(
    'acquire of an unchecked object',
    `r1 = typeid(shared_node)\nr2 = 0\ncall kfunc bpf_obj_new_impl\nr1 = r0\nr2 = 0\ncall kfunc bpf_refcount_acquire_impl\n${OUT}`,
  ),
  row('acquire of a moved pointer', `${make('shared_node')}r8 = r7\nr8 += 8\n${acquire('r8')}r8 = r0\n${drop('r8')}${drop()}${OUT}`),
  row(
    'both a list and a tree',
    with7(
      'shared_node',
      'both',
      `${acquire('r7')}r8 = r0\n${lock()}${push('r7', { head: 8, node: 16 })}${add('r8', { head: 24, node: 40 })}${unlock()}`,
      'less:\nr0 = 0\nexit\n',
    ),
  ),
  row(
    'acquire of a borrowed object',
    `${value('both')}${lock()}${peek()}if r0 == 0 goto none\nr7 = r0\nr7 += -16\n${acquire('r7')}r8 = r0\n${unlock()}if r8 == 0 goto out\n${drop('r8')}goto out\nnone:\n${unlock()}${OUT}`,
  ),
  row(
    'acquire of a borrowed object, unchecked',
    `${value('both')}${lock()}${peek()}if r0 == 0 goto none\nr7 = r0\nr7 += -16\n${acquire('r7')}r8 = r0\n${unlock()}r1 = *(u64 *)(r8 + 0)\ngoto out\nnone:\n${unlock()}${OUT}`,
  ),
  row(
    'borrowed counted object after unlock',
    `${value('both')}${lock()}${peek()}r7 = r0\n${unlock()}if r7 == 0 goto out\nr1 = *(u64 *)(r7 - 16)\n${OUT}`,
  ),
  row(
    'pushed and still owned',
    with7(
      'shared_node',
      'both',
      `${acquire('r7')}r8 = r0\n${lock()}${push('r7', { head: 8, node: 16 })}${unlock()}r1 = *(u64 *)(r8 + 0)\n${drop('r8')}`,
    ),
  ),
  row(
    'owned object read after push of its copy',
    with7(
      'shared_node',
      'both',
      `${acquire('r7')}r8 = r0\n${lock()}${push('r7', { head: 8, node: 16 })}r1 = *(u64 *)(r7 + 0)\n${unlock()}${drop('r8')}`,
    ),
  ),
  row(
    'removed from the tree of counted objects',
    `${value('both')}${lock()}${first(24)}if r0 == 0 goto none\n${remove('r0', 24)}r7 = r0\n${unlock()}if r7 == 0 goto out\nr7 += -40\n${drop()}goto out\nnone:\n${unlock()}${OUT}`,
  ),
];

const EXCHANGED: readonly Case[] = [
  row('object into a field', with7('element', 'nodes', `r1 = r6\nr2 = r7\ncall bpf_kptr_xchg\n`)),
  row(
    'object into a field, result dropped',
    with7('element', 'nodes', `r1 = r6\nr2 = r7\ncall bpf_kptr_xchg\nif r0 == 0 goto out\nr7 = r0\n${drop()}`),
  ),
  row(
    'object into a field of another type',
    with7('other', 'nodes', `r1 = r6\nr2 = r7\ncall bpf_kptr_xchg\nif r0 == 0 goto out\nr7 = r0\n${drop()}`),
  ),
  row(
    'object into a field at the wrong offset',
    with7('element', 'nodes', `r1 = r6\nr1 += 8\nr2 = r7\ncall bpf_kptr_xchg\nif r0 == 0 goto out\nr7 = r0\n${drop()}`),
  ),
  row(
    'moved object into a field',
    with7('element', 'nodes', `r1 = r6\nr2 = r7\nr2 += 8\ncall bpf_kptr_xchg\nif r0 == 0 goto out\nr7 = r0\n${drop()}`),
  ),
  row(
    'object into a field, used after',
    with7('element', 'nodes', `r1 = r6\nr2 = r7\ncall bpf_kptr_xchg\nr1 = *(u64 *)(r7 + 0)\nif r0 == 0 goto out\nr7 = r0\n${drop()}`),
  ),
  row(
    'object into the field of a kernel type',
    with7('own', 'held', `r1 = r6\nr1 += 8\nr2 = r7\ncall bpf_kptr_xchg\nif r0 == 0 goto out\n`),
  ),
  row(
    'object into an object',
    `${make('keeper')}${make('own', 'r8', 'undo')}r1 = r7\nr1 += 8\nr2 = r8\ncall bpf_kptr_xchg\nif r0 == 0 goto undo\nr8 = r0\n${drop('r8')}undo:\n${drop()}${OUT}`,
  ),
  row(
    'object into an object at the wrong offset',
    `${make('keeper')}${make('own', 'r8', 'undo')}r1 = r7\nr2 = r8\ncall bpf_kptr_xchg\nif r0 == 0 goto undo\nr8 = r0\n${drop('r8')}undo:\n${drop()}${OUT}`,
  ),
  row(
    'object into an object without fields',
    `${make('own')}${make('own', 'r8', 'undo')}r1 = r7\nr2 = r8\ncall bpf_kptr_xchg\nundo:\n${drop()}${OUT}`,
  ),
  row(
    'percpu object into its field',
    `${value('held')}r1 = typeid(own)\nr2 = 0\ncall kfunc bpf_percpu_obj_new_impl\nif r0 == 0 goto out\nr2 = r0\nr1 = r6\nr1 += 24\ncall bpf_kptr_xchg\nif r0 == 0 goto out\nr1 = r0\nr2 = 0\ncall kfunc bpf_percpu_obj_drop_impl\n${OUT}`,
  ),
  row(
    'percpu object into another field',
    `${value('held')}r1 = typeid(own)\nr2 = 0\ncall kfunc bpf_percpu_obj_new_impl\nif r0 == 0 goto out\nr2 = r0\nr1 = r6\nr1 += 32\ncall bpf_kptr_xchg\n${OUT}`,
  ),
  row('plain object into the percpu field', with7('own', 'held', `r1 = r6\nr1 += 24\nr2 = r7\ncall bpf_kptr_xchg\n`)),
  row(
    'percpu object of this CPU',
    `${value('held')}r1 = *(u64 *)(r6 + 24)\nif r1 == 0 goto out\ncall bpf_this_cpu_ptr\nr1 = *(u64 *)(r0 + 8)\n*(u64 *)(r0 + 8) = 5\n${OUT}`,
  ),
  row(
    'percpu object of a CPU',
    `${value('held')}r1 = *(u64 *)(r6 + 24)\nif r1 == 0 goto out\nr2 = 0\ncall bpf_per_cpu_ptr\nif r0 == 0 goto out\nr1 = *(u64 *)(r0 + 8)\n${OUT}`,
  ),
  row('percpu object unchecked', `${value('held')}r1 = *(u64 *)(r6 + 24)\ncall bpf_this_cpu_ptr\n${OUT}`),
  row(
    'percpu object used after it went into its field',
    `${value('held')}r1 = typeid(own)\nr2 = 0\ncall kfunc bpf_percpu_obj_new_impl\nif r0 == 0 goto out\nr7 = r0\nr2 = r0\nr1 = r6\nr1 += 24\ncall bpf_kptr_xchg\nif r0 == 0 goto none\nr1 = r0\nr2 = 0\ncall kfunc bpf_percpu_obj_drop_impl\nnone:\nr1 = r7\ncall bpf_this_cpu_ptr\nr1 = *(u64 *)(r0 + 8)\n${OUT}`,
  ),
  row(
    'loaded object is counted',
    `${value('nodes')}r1 = *(u64 *)(r6 + 8)\nif r1 == 0 goto out\nr2 = 0\ncall kfunc bpf_refcount_acquire_impl\nif r0 == 0 goto out\nr7 = r0\n${drop()}${OUT}`,
  ),
  row('loaded object is read', `${value('nodes')}r1 = *(u64 *)(r6 + 0)\nif r1 == 0 goto out\nr2 = *(u64 *)(r1 + 0)\n${OUT}`),
  row('loaded object is dropped', `${value('nodes')}r7 = *(u64 *)(r6 + 0)\nif r7 == 0 goto out\n${drop()}${OUT}`),
];

/** r7 = own object of a field, not NULL, from an RCU section that has ended; r6 = the value. */
const AFTER_RCU = `${value('held')}call kfunc bpf_rcu_read_lock\nr7 = *(u64 *)(r6 + 32)\nif r7 == 0 goto none\ncall kfunc bpf_rcu_read_unlock\n`;
const RCU_OUT = `goto out\nnone:\ncall kfunc bpf_rcu_read_unlock\n${OUT}`;

const UNTRUSTED: readonly Case[] = [
  row('own object written after its RCU section', `${AFTER_RCU}*(u64 *)(r7 + 8) = 1\n${RCU_OUT}`, { type: 2 }),
  row('own object put back after its RCU section', `${AFTER_RCU}r1 = r6\nr1 += 32\nr2 = r7\ncall bpf_kptr_xchg\n${RCU_OUT}`),
  row('own object in a sleepable program', `${value('held')}r7 = *(u64 *)(r6 + 32)\nif r7 == 0 goto out\nr1 = *(u64 *)(r7 + 8)\n${OUT}`, {
    type: 31,
    flags: 16,
  }),
  row(
    'own object written in a sleepable program',
    `${value('held')}r7 = *(u64 *)(r6 + 32)\nif r7 == 0 goto out\n*(u64 *)(r7 + 8) = 1\n${OUT}`,
    { type: 31, flags: 16 },
  ),
  row('task in a sleepable program', `${value('held')}r7 = *(u64 *)(r6 + 8)\nif r7 == 0 goto out\nr1 = *(u64 *)(r7 + 8)\n${OUT}`, {
    type: 31,
    flags: 16,
  }),
  row(
    'percpu object in a sleepable program',
    `${value('held')}r1 = *(u64 *)(r6 + 24)\nif r1 == 0 goto out\ncall bpf_this_cpu_ptr\n${OUT}`,
    { type: 31, flags: 16 },
  ),
  row('object in a sleepable program', `${make('own')}r1 = *(u64 *)(r7 + 8)\n${drop()}${OUT}`, { type: 31, flags: 16 }),
  row('lock in a sleepable program', `${value('lockhash')}${lock('r6', 8)}${unlock('r6', 8)}${OUT}`, { type: 31, flags: 16 }),
  row('list in a sleepable program', `${value('listed')}${make('element')}${lock()}${push()}${unlock()}${OUT}`, { type: 31, flags: 16 }),
  row(
    'uptr',
    `r9 = r1\ncall bpf_get_current_task_btf\nr2 = r0\nr1 = map[fd:$shared]\nr3 = 0\nr4 = 0\ncall bpf_task_storage_get\nif r0 == 0 goto out\nr7 = *(u64 *)(r0 + 0)\nif r7 == 0 goto out\nr1 = *(u64 *)(r7 + 8)\n*(u64 *)(r7 + 8) = 5\n${OUT}`,
    { type: 2 },
  ),
  row(
    'uptr unchecked',
    `call bpf_get_current_task_btf\nr2 = r0\nr1 = map[fd:$shared]\nr3 = 0\nr4 = 0\ncall bpf_task_storage_get\nif r0 == 0 goto out\nr7 = *(u64 *)(r0 + 0)\nr1 = *(u64 *)(r7 + 8)\n${OUT}`,
    { type: 2 },
  ),
  row(
    'uptr read beyond',
    `call bpf_get_current_task_btf\nr2 = r0\nr1 = map[fd:$shared]\nr3 = 0\nr4 = 0\ncall bpf_task_storage_get\nif r0 == 0 goto out\nr7 = *(u64 *)(r0 + 0)\nif r7 == 0 goto out\nr1 = *(u64 *)(r7 + 16)\n${OUT}`,
    { type: 2 },
  ),
  row(
    'uptr written',
    `call bpf_get_current_task_btf\nr2 = r0\nr1 = map[fd:$shared]\nr3 = 0\nr4 = 0\ncall bpf_task_storage_get\nif r0 == 0 goto out\n*(u64 *)(r0 + 0) = 0\n${OUT}`,
    { type: 2 },
  ),
  row(
    'uptr written from a register',
    `call bpf_get_current_task_btf\nr2 = r0\nr1 = map[fd:$shared]\nr3 = 0\nr4 = 0\ncall bpf_task_storage_get\nif r0 == 0 goto out\nr1 = 0\n*(u64 *)(r0 + 0) = r1\n${OUT}`,
    { type: 2 },
  ),
  row(
    'uptr of 4 bytes',
    `call bpf_get_current_task_btf\nr2 = r0\nr1 = map[fd:$shared]\nr3 = 0\nr4 = 0\ncall bpf_task_storage_get\nif r0 == 0 goto out\nr1 = *(u32 *)(r0 + 0)\n${OUT}`,
    { type: 2 },
  ),
  row(
    'uptr exchanged',
    `call bpf_get_current_task_btf\nr2 = r0\nr1 = map[fd:$shared]\nr3 = 0\nr4 = 0\ncall bpf_task_storage_get\nif r0 == 0 goto out\nr1 = r0\nr2 = 0\ncall bpf_kptr_xchg\n${OUT}`,
    { type: 2 },
  ),
  row(
    'kptr of local storage',
    `call bpf_get_current_task_btf\nr2 = r0\nr1 = map[fd:$taskheld]\nr3 = 0\nr4 = 1\ncall bpf_task_storage_get\nif r0 == 0 goto out\nr1 = r0\nr1 += 32\nr2 = 0\ncall bpf_kptr_xchg\nif r0 == 0 goto out\nr7 = r0\n${drop()}${OUT}`,
    { type: 2 },
  ),
  row(
    'lock of local storage',
    `call bpf_get_current_task_btf\nr2 = r0\nr1 = map[fd:$tasklock]\nr3 = 0\nr4 = 1\ncall bpf_task_storage_get\nif r0 == 0 goto out\nr6 = r0\n${lock('r6', 8)}${unlock('r6', 8)}${OUT}`,
  ),
  row('local storage looked up', `*(u32 *)(r10 - 4) = 0\nr2 = r10\nr2 += -4\nr1 = map[fd:$taskheld]\ncall bpf_map_lookup_elem\n${OUT}`, {
    type: 2,
  }),
  row(
    'initial value of local storage',
    `call bpf_get_current_task_btf\nr2 = r0\n*(u64 *)(r10 - 8) = 0\n*(u64 *)(r10 - 16) = 0\n*(u64 *)(r10 - 24) = 0\nr3 = r10\nr3 += -24\nr1 = map[fd:$tasklock]\nr4 = 1\ncall bpf_task_storage_get\n${OUT}`,
  ),
];

const res = (name: string, reg = 'r6', off = 8): string => `r1 = ${reg}\nr1 += ${off}\ncall kfunc bpf_res_spin_${name}\n`;
const saved = (name: string, { reg = 'r6', flags = -16 } = {}): string =>
  `r1 = ${reg}\nr1 += 8\nr2 = r10\nr2 += ${flags}\ncall kfunc bpf_res_spin_${name}\n`;

const RESILIENT: readonly Case[] = [
  row('resilient lock', `${value('reslock')}${res('lock')}if r0 != 0 goto out\n${res('unlock')}${OUT}`),
  row('resilient lock unchecked', `${value('reslock')}${res('lock')}${res('unlock')}${OUT}`),
  row('resilient lock not given back', `${value('reslock')}${res('lock')}${OUT}`),
  row('resilient lock, wrong check', `${value('reslock')}${res('lock')}if r0 == 0 goto out\n${OUT}`),
  row('resilient lock, negative check', `${value('reslock')}${res('lock')}if w0 s< 0 goto out\n${res('unlock')}${OUT}`),
  row('resilient unlock', `${value('reslock')}${res('unlock')}${OUT}`),
  row('resilient lock twice', `${value('reslock')}${res('lock')}if r0 != 0 goto out\n${res('lock')}${OUT}`),
  row(
    'two resilient locks',
    `${value('reslock')}${value('reslock', 'r7')}${res('lock')}if r0 != 0 goto out\n${res('lock', 'r7')}if r0 != 0 goto one\n${res('unlock', 'r7')}one:\n${res('unlock')}${OUT}`,
  ),
  row(
    'two resilient locks out of order',
    `${value('reslock')}${value('reslock', 'r7')}${res('lock')}if r0 != 0 goto out\n${res('lock', 'r7')}if r0 != 0 goto one\n${res('unlock')}${res('unlock', 'r7')}goto out\none:\n${res('unlock')}${OUT}`,
  ),
  row(
    'resilient unlock of another',
    `${value('reslock')}${value('reslock', 'r7')}${res('lock')}if r0 != 0 goto out\n${res('unlock', 'r7')}${OUT}`,
  ),
  row('resilient lock of a plain one', `${value('lockhash')}${res('lock')}${OUT}`),
  row('resilient lock at a wrong offset', `${value('reslock')}${res('lock', 'r6', 0)}${OUT}`),
  row('resilient lock of the stack', `r1 = r10\ncall kfunc bpf_res_spin_lock\n${OUT}`),
  row('resilient lock of NULL', `r1 = 0\ncall kfunc bpf_res_spin_lock\n${OUT}`),
  row(
    'helper under a resilient lock',
    `${value('reslock')}${res('lock')}if r0 != 0 goto out\ncall bpf_get_prandom_u32\n${res('unlock')}${OUT}`,
  ),
  row(
    'plain lock under a resilient one',
    `${value('lockhash', 'r7')}${value('reslock')}${res('lock')}if r0 != 0 goto out\n${lock('r7', 8)}${OUT}`,
  ),
  row(
    'resilient lock under a plain one',
    `${value('lockhash', 'r7')}${value('reslock')}${lock('r7', 8)}${res('lock')}if r0 != 0 goto none\n${res('unlock')}none:\n${unlock('r7', 8)}${OUT}`,
  ),
  row('irqsave', `${value('reslock')}${saved('lock_irqsave')}if r0 != 0 goto out\n${saved('unlock_irqrestore')}${OUT}`),
  row('irqsave not given back', `${value('reslock')}${saved('lock_irqsave')}${OUT}`),
  row('irqsave, plain unlock', `${value('reslock')}${saved('lock_irqsave')}if r0 != 0 goto out\n${res('unlock')}${OUT}`),
  row('plain lock, irqrestore', `${value('reslock')}${res('lock')}if r0 != 0 goto out\n${saved('unlock_irqrestore')}${OUT}`),
  row(
    'irqsave with flags elsewhere',
    `${value('reslock')}${saved('lock_irqsave')}if r0 != 0 goto out\n${saved('unlock_irqrestore', { flags: -24 })}${OUT}`,
  ),
  row(
    'irqsave twice',
    `${value('reslock')}${value('reslock', 'r7')}${saved('lock_irqsave')}if r0 != 0 goto out\n${saved('lock_irqsave', { reg: 'r7', flags: -24 })}if r0 != 0 goto one\n${saved('unlock_irqrestore', { reg: 'r7', flags: -24 })}one:\n${saved('unlock_irqrestore')}${OUT}`,
  ),
  row('exit with a resilient lock', `${value('reslock')}${res('lock')}if r0 != 0 goto out\nr0 = 0\nexit\n${OUT}`),
  row('resilient lock of XDP', `${value('reslock')}${res('lock')}if r0 != 0 goto out\n${res('unlock')}${OUT}`, { type: 6 }),
  row('resilient lock of kprobe', `${value('reslock')}${res('lock')}if r0 != 0 goto out\n${res('unlock')}${OUT}`, { type: 2 }),
];

const LATER = 'later:\nr1 = *(u64 *)(r3 + 0)\nr0 = 0\nexit\n';
const LATER_BAD = 'later:\nr0 = *(u64 *)(r3 + 100)\nexit\n';
const LATER_ONE = 'later:\nr0 = 1\nexit\n';
const timerCallback = (then: string): string => `${value('timer')}r1 = r6\nr1 += 8\nr2 = &later\ncall bpf_timer_set_callback\n${then}`;
const wq = (name: string, args: string): string => `r1 = r6\nr1 += 8\n${args}\ncall kfunc bpf_wq_${name}\n`;
const tw = (name: string, args: string, callback: string): string =>
  `r8 = r1\ncall bpf_get_current_task_btf\nr7 = r0\n${value('tw')}r1 = r7\nr2 = r6\n${args}\nr4 = &later\nr5 = 0\ncall kfunc bpf_task_work_schedule_${name}_impl\n${OUT}${callback}`;

const CALLBACKS: readonly Case[] = [
  row('timer callback', `${timerCallback(OUT)}${LATER}`),
  row('timer callback reads beyond', `${timerCallback(OUT)}${LATER_BAD}`),
  row('timer callback returns 1', `${timerCallback(OUT)}${LATER_ONE}`),
  row('timer callback returns unknown', `${timerCallback(OUT)}later:\ncall bpf_get_prandom_u32\nexit\n`),
  row(
    'timer callback starts the timer again',
    `${timerCallback(OUT)}later:\nr1 = r3\nr1 += 8\nr2 = 0\nr3 = 0\ncall bpf_timer_start\nr0 = 0\nexit\n`,
  ),
  row('timer callback touches the timer', `${timerCallback(OUT)}later:\nr1 = *(u64 *)(r3 + 8)\nr0 = 0\nexit\n`),
  row('timer callback reads the key', `${timerCallback(OUT)}later:\nr1 = *(u32 *)(r2 + 0)\nr0 = 0\nexit\n`),
  row('timer callback writes the key', `${timerCallback(OUT)}later:\n*(u32 *)(r2 + 0) = 0\nr0 = 0\nexit\n`),
  row('timer callback looks up', `${timerCallback(OUT)}later:\ncall bpf_map_lookup_elem\nr0 = 0\nexit\n`),
  row(
    'timer callback sets itself',
    `${timerCallback(OUT)}later:\nr1 = r3\nr1 += 8\nr2 = &later\ncall bpf_timer_set_callback\nr0 = 0\nexit\n`,
  ),
  row('timer callback uses the context', `${timerCallback(OUT)}later:\nr0 = r4\nexit\n`),
  row(
    'timer callback keeps a lock',
    `${timerCallback(OUT)}later:\nr6 = r3\n*(u32 *)(r10 - 4) = 0\nr2 = r10\nr2 += -4\nr1 = map[fd:$lockhash]\ncall bpf_map_lookup_elem\nif r0 == 0 goto none\nr1 = r0\nr1 += 8\ncall bpf_spin_lock\nnone:\nr0 = 0\nexit\n`,
  ),
  row('wq init', `${value('wq')}${wq('init', 'r2 = map[fd:$wq]\nr3 = 0')}${OUT}`),
  row('wq init with another map', `${value('wq')}${wq('init', 'r2 = map[fd:$all]\nr3 = 0')}${OUT}`),
  row('wq init at a wrong offset', `${value('wq')}r1 = r6\nr2 = map[fd:$wq]\nr3 = 0\ncall kfunc bpf_wq_init\n${OUT}`),
  row('wq init without map', `${value('wq')}${wq('init', 'r2 = 0\nr3 = 0')}${OUT}`),
  row('wq init of the stack', `r1 = r10\nr2 = map[fd:$wq]\nr3 = 0\ncall kfunc bpf_wq_init\n${OUT}`),
  row('wq in a map of timers', `${value('timer')}${wq('init', 'r2 = map[fd:$timer]\nr3 = 0')}${OUT}`),
  row('wq start', `${value('wq')}${wq('start', 'r2 = 0')}${OUT}`),
  row('wq start at a wrong offset', `${value('wq')}r1 = r6\nr1 += 16\nr2 = 0\ncall kfunc bpf_wq_start\n${OUT}`),
  row('wq start with flags', `${value('wq')}${wq('start', 'r2 = 1')}${OUT}`),
  row('wq callback', `${value('wq')}${wq('set_callback_impl', 'r2 = &later\nr3 = 0\nr4 = 0')}${OUT}${LATER}`),
  row('wq callback reads beyond', `${value('wq')}${wq('set_callback_impl', 'r2 = &later\nr3 = 0\nr4 = 0')}${OUT}${LATER_BAD}`),
  row('wq callback returns 1', `${value('wq')}${wq('set_callback_impl', 'r2 = &later\nr3 = 0\nr4 = 0')}${OUT}${LATER_ONE}`),
  row('wq callback that is none', `${value('wq')}${wq('set_callback_impl', 'r2 = 0\nr3 = 0\nr4 = 0')}${OUT}`),
  row(
    'wq callback sleeps',
    `${value('wq')}${wq('set_callback_impl', 'r2 = &later\nr3 = 0\nr4 = 0')}${OUT}later:\n*(u64 *)(r10 - 8) = 0\nr1 = r10\nr1 += -8\nr2 = 8\nr3 = 0\ncall bpf_copy_from_user\nr0 = 0\nexit\n`,
  ),
  row(
    'wq callback under rcu',
    `${value('wq')}${wq('set_callback_impl', 'r2 = &later\nr3 = 0\nr4 = 0')}${OUT}later:\ncall kfunc bpf_rcu_read_lock\ncall kfunc bpf_rcu_read_unlock\nr0 = 0\nexit\n`,
  ),
  row('wq under a lock', `${value('all')}${lock()}r1 = r6\nr1 += 24\nr2 = 0\ncall kfunc bpf_wq_start\n${OUT}`),
  row('task work', tw('signal', 'r2 += 8\nr3 = map[fd:$tw]', LATER)),
  row('task work resumed', tw('resume', 'r2 += 8\nr3 = map[fd:$tw]', LATER)),
  row('task work at a wrong offset', tw('signal', 'r3 = map[fd:$tw]', LATER)),
  row('task work with another map', tw('signal', 'r2 += 8\nr3 = map[fd:$wq]', LATER)),
  row('task work reads beyond', tw('signal', 'r2 += 8\nr3 = map[fd:$tw]', LATER_BAD)),
  row('task work returns 1', tw('signal', 'r2 += 8\nr3 = map[fd:$tw]', LATER_ONE)),
  row('task work returns unknown', tw('signal', 'r2 += 8\nr3 = map[fd:$tw]', 'later:\ncall bpf_get_prandom_u32\nexit\n')),
  row(
    'task work of no task',
    `${value('tw')}r1 = 0\nr2 = r6\nr2 += 8\nr3 = map[fd:$tw]\nr4 = &later\nr5 = 0\ncall kfunc bpf_task_work_schedule_signal_impl\n${OUT}${LATER}`,
  ),
  row('task work of the stack', tw('signal', 'r2 = r10\nr3 = map[fd:$tw]', LATER)),
];

export const OBJECT_CASES: readonly Case[] = [
  ...NEW,
  ...ACCESS,
  ...LISTS,
  ...TREES,
  ...COUNTED,
  ...EXCHANGED,
  ...UNTRUSTED,
  ...RESILIENT,
  ...CALLBACKS,
];
