/** The app on the device: offline, and installed. */

import { signal } from "@preact/signals";

interface InstallPrompt extends Event {
  prompt(): Promise<unknown>;
}

export const worksOffline = signal(false);
export const canInstall = signal(false);
let offered: InstallPrompt | undefined;

export function becomeInstallable(): void {
  if (import.meta.env.PROD && navigator.serviceWorker) {
    navigator.serviceWorker.register(new URL("service-worker.js", document.baseURI)).catch(() => undefined);
    void navigator.serviceWorker.ready.then(() => (worksOffline.value = true));
  }
  addEventListener("beforeinstallprompt", (event) => {
    event.preventDefault();
    offered = event as InstallPrompt;
    canInstall.value = true;
  });
  addEventListener("appinstalled", () => (canInstall.value = false));
}

export async function install(): Promise<void> {
  await offered?.prompt();
  canInstall.value = false;
}
