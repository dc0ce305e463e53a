/** Finds photos and references in a Zod type, of Zod 3 (Astro 5) or Zod 4 (Astro 6 and 7). */

interface Definition {
  [name: string]: unknown;
}

interface Type {
  _def: Definition & { typeName?: string; type?: unknown };
  _zod?: { parent?: unknown };
  safeParse(value: unknown): { success: boolean; data?: unknown };
}

export interface Annotation {
  /** Fields that hold photos, keys with dots between, list items as their list. */
  images: string[];
  /** Fields that hold ids, with the collection that they lead to. */
  references: Record<string, string>;
}

const MAX_DEPTH = 32;

/** `marks` are the types that `image()` has given. */
export function annotate(root: unknown, marks: ReadonlySet<unknown>): Annotation {
  const found: Annotation = { images: [], references: {} };
  const visit = (type: unknown, path: string, depth: number): void => {
    if (!isType(type) || depth > MAX_DEPTH) return;
    const target = path && isTransform(type) ? referenceOf(type) : undefined;
    if (isMarked(type, marks)) {
      if (path && !found.images.includes(path)) found.images.push(path);
    } else if (target !== undefined) {
      found.references[path] = target;
    } else {
      for (const [key, child] of childrenOf(type)) visit(child, key && path ? `${path}.${key}` : key || path, depth + 1);
    }
  };
  visit(root, '', 0);
  return found;
}

function isType(value: unknown): value is Type {
  return typeof value === 'object' && value !== null && '_def' in value;
}

function kindOf({ _def }: Type): string {
  return _def.typeName?.replace(/^Zod/, '').toLowerCase() ?? String(_def.type);
}

/** A mark, or what a refinement or description made of one. */
function isMarked(type: Type, marks: ReadonlySet<unknown>): boolean {
  for (let one: unknown = type; isType(one); one = one._zod?.parent) if (marks.has(one)) return true;
  return false;
}

function isTransform(type: Type): boolean {
  return ['effects', 'pipe'].includes(kindOf(type));
}

/** `reference()` keeps its collection to itself, and yet names it in what it makes of an id. */
function referenceOf(type: Type): string | undefined {
  try {
    const { data } = type.safeParse('an-id');
    const { id, slug, collection } = (data ?? {}) as { id?: unknown; slug?: unknown; collection?: unknown };
    return (id ?? slug) === 'an-id' && typeof collection === 'string' ? collection : undefined;
  } catch {
    return undefined; // a transform of the site's own, which wants other values or time
  }
}

/** Types inside a type, with the key that leads to each; "" for one in the same place. */
function childrenOf(type: Type): [string, unknown][] {
  const def = type._def;
  switch (kindOf(type)) {
    case 'object':
      return Object.entries(typeof def.shape === 'function' ? (def.shape as () => object)() : (def.shape as object));
    case 'array':
      return [['', def.element ?? def.type]];
    case 'union':
    case 'discriminatedunion': {
      const options = def.options as Iterable<unknown> | Map<unknown, unknown>;
      return [...(options instanceof Map ? options.values() : options)].map((option) => ['', option]);
    }
    case 'intersection':
      return [['', def.left], ['', def.right]];
    case 'lazy':
      return [['', (def.getter as () => unknown)()]];
    default:
      // Optional, nullable, default, readonly, effects, pipes …: one type around another.
      return [def.innerType, def.schema, def.in, def.type].filter(isType).map((inner) => ['', inner]);
  }
}
