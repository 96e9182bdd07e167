/** Files in and out of the page. */

/** What may be chosen as a picture: also what only a server can read. */
export const IMAGES =
  "image/*,.heic,.heif,.hif,.avif,.tif,.tiff,.dng,.nef,.nrw,.cr2,.cr3,.arw,.raf,.orf,.rw2,.pef,.srw";

export function saveFile(file: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** What may be chosen as a film: browsers have no type for some that a server reads, and take animations for pictures. */
export const FILMS =
  "video/*,image/gif,image/webp,image/apng,.mkv,.mov,.m4v,.avi,.mts,.m2ts,.ts,.mxf,.flv,.wmv,.mpg,.mpeg,.3gp,.ogv";

const FILM_ENDING = /\.(mkv|mov|m4v|avi|mts|m2ts|mxf|flv|wmv|mpe?g|3gp|ogv)$/i;

/** Animated pictures are pictures. */
export const isVideo = ({ type, name }: Pick<File, "type" | "name">): boolean =>
  type.startsWith("video/") || (type === "" && FILM_ENDING.test(name));

/** Have the dropped and the pasted files; `hovering` is told whether some are held over the page. */
export function receiveFiles(take: (file: File) => void, hovering: (over: boolean) => void): void {
  let depth = 0;
  const over = (change: number): void => hovering((depth = Math.max(0, depth + change)) > 0);
  const holdsFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes("Files") ?? false;
  addEventListener("dragenter", (event) => holdsFiles(event) && over(1));
  addEventListener("dragleave", (event) => holdsFiles(event) && over(-1));
  addEventListener("dragover", (event) => holdsFiles(event) && event.preventDefault());
  addEventListener("drop", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    over(-Infinity);
    const file = event.dataTransfer?.files[0];
    if (file) take(file);
  });
  addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    const file = files.find((one) => one.type.startsWith("image/") || isVideo(one));
    if (file) take(file);
  });
}
