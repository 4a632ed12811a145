import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [react()],
  // Relative, so the built page works under any path it is served from.
  base: "./",
  build: {
    // No data: URLs: the page then runs under a plain 'self' content security policy.
    assetsInlineLimit: 0,
  },
  server: {
    proxy: { "/ws": { target: "ws://127.0.0.1:3000", ws: true } },
  },
});
