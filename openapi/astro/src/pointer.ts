/** JSON Pointers into front matter. */

type Json = Record<string, unknown>;

/** Replaces the value at the pointer with what `change` makes of it; a pointer that leads nowhere changes nothing. */
export function changeAt(data: Json, pointer: string, change: (value: unknown) => unknown): void {
  const keys = pointer.split('/').slice(1).map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
  const last = keys.pop();
  const parent = keys.reduce<unknown>((value, key) => (value as Json | undefined)?.[key], data) as Json | undefined;
  if (parent && last !== undefined && last in parent) parent[last] = change(parent[last]);
}
