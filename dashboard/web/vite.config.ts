import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig } from 'vite'

// The output is committed and embedded, so it has to come out the same on
// every machine: no source maps, no time, names by content alone.
export default defineConfig({
  plugins: [svelte()],
  build: {
    target: 'es2022',
    assetsInlineLimit: 0, // a data: address would break the Content-Security-Policy
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    sourcemap: false,
  },
})
