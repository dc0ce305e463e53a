const CMS_URL = process.env.CMS_URL ?? 'http://127.0.0.1:8000';

/** Asks the CMS, and fails the build unless the answer has one of the expected statuses. */
export async function get(path: string, ...expected: number[]): Promise<Response> {
  const response = await fetch(new URL(path, CMS_URL)).catch((cause) => {
    throw new Error(`The CMS at ${CMS_URL} does not answer.`, { cause });
  });
  if (!expected.includes(response.status)) {
    throw new Error(`The CMS at ${CMS_URL} answered ${response.status} to ${path}: ${await response.text()}`);
  }
  return response;
}
