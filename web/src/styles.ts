/** What impasto.studio.assets writes of each style. */
export interface Style {
  readonly name: string;
  readonly title: string;
  readonly artist: string;
  readonly year: string;
  readonly licence: string;
  readonly adjustable: boolean;
  readonly smallest: number;
  readonly overlap: number;
  readonly grain_cell: number;
  readonly grain_side: number;
  readonly files: Readonly<Record<"whole" | "measure" | "apply" | "thumbnail", StyleFile>>;
}

export interface StyleFile {
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
}

const FOLDER = "styles/";
export const MODELS = ["whole", "measure", "apply"] as const;

/** The hash makes an address stand for one content, which can be kept as long as there is room. */
export const styleUrl = ({ file, sha256 }: StyleFile, base: string): string =>
  new URL(`${FOLDER}${file}?v=${sha256.slice(0, 12)}`, base).href;

export async function fetchStyles(): Promise<Style[]> {
  const response = await fetch(new URL(`${FOLDER}styles.json`, document.baseURI));
  if (!response.ok) throw new Error(`The styles cannot be read (${response.status}).`);
  return response.json();
}

export const megabytes = (bytes: number): string =>
  `${(bytes / 1e6).toLocaleString("en-GB", { maximumFractionDigits: 1 })} MB`;
