/** An error of ours, whose message says what to do next. */
export class CmsError extends Error {
  override name = 'CmsError';
}
