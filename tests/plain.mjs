// A value of front matter as JSON has it: dates as {"$date": ISO string}, numbers without JSON as {"$number": text}.

export const plain = (value) => {
  if (value instanceof Date) return { $date: isNaN(value) ? 'invalid' : value.toISOString() };
  if (typeof value === 'number' && !Number.isFinite(value)) return { $number: String(value) };
  if (typeof value === 'bigint' || value instanceof Uint8Array) return { $other: typeof value };
  if (Array.isArray(value)) return value.map(plain);
  if (value && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
  }
  return value === undefined ? null : value;
};
