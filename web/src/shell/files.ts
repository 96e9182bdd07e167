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

export const isVideo = (file: File): boolean => file.type.startsWith("video/");

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
    const file = [...(event.clipboardData?.files ?? [])].find(({ type }) => type.startsWith("image/"));
    if (file) take(file);
  });
}
