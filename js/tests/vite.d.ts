interface ImportMeta {
  /** Vite's: the files that match, by path. */
  glob(
    pattern: string,
    options: { query: "?raw"; import: "default"; eager: true },
  ): Record<string, string>;
}
