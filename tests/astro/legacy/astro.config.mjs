import { defineConfig } from 'astro/config';
import cms from 'astro-markdown-cms/integration';

export default defineConfig({
  integrations: [cms({ schemas: process.env.CMS_TEST_SCHEMAS })],
  devToolbar: { enabled: false },
});
