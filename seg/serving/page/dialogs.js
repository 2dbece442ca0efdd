// The dialogs: a frame of the camera, the token.

const CAMERA_FAULTS = {
  NotAllowedError: "The browser does not let this page use the camera. Allow it beside the address of the page, then try again.",
  NotFoundError: "No camera was found. Connect one, then try again.",
  NotReadableError: "Another program uses the camera. Close it, then try again.",
};
const NO_CAMERA_HERE = "Browsers give pages a camera only at https:// addresses and on localhost. Open the page there, or choose a file.";

// Let the user take frames; give each to `onCapture` as a file.
export function connectCamera(button, dialog, onCapture) {
  const video = dialog.querySelector("video");
  const alert = dialog.querySelector(".alert");
  const capture = dialog.querySelector(".capture");
  let stream = null;
  let count = 0;

  async function open() {
    alert.hidden = true;
    capture.disabled = true;
    dialog.showModal();
    try {
      if (!navigator.mediaDevices?.getUserMedia) throw new Error(NO_CAMERA_HERE);
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 1280 } } });
      if (!dialog.open) return stop(); // closed while the browser asked
      video.srcObject = stream;
      await video.play();
      capture.disabled = false;
      capture.focus();
    } catch (error) {
      if (!dialog.open) return;
      alert.textContent = CAMERA_FAULTS[error.name] ?? error.message;
      alert.hidden = false;
    }
  }

  function stop() {
    for (const track of stream?.getTracks() ?? []) track.stop();
    video.srcObject = stream = null;
  }

  async function takeFrame() {
    const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
    canvas.getContext("2d").drawImage(video, 0, 0);
    const blob = await canvas.convertToBlob({ type: "image/png" });
    count++;
    dialog.close();
    onCapture(new File([blob], `camera-${count}.png`, { type: "image/png" }));
  }

  button.addEventListener("click", open);
  capture.addEventListener("click", takeFrame);
  dialog.querySelector(".close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", stop);
}

// Return a function that asks for the token, null: the user does not know it. Who asks while the
// dialog is open gets the same answer.
export function connectToken(dialog) {
  const field = dialog.querySelector("input");
  const text = dialog.querySelector(".token-text");
  let pending = null;
  dialog.querySelector(".close").addEventListener("click", () => dialog.close(""));

  function ask(isWrong) {
    if (isWrong) text.textContent = "The server does not accept that token. Ask who runs it.";
    field.value = "";
    dialog.returnValue = "";
    dialog.showModal();
    return new Promise((resolve) => {
      dialog.addEventListener("close", () => {
        pending = null;
        resolve(dialog.returnValue === "ok" ? field.value.trim() : null);
      }, { once: true });
    });
  }

  return (isWrong) => (pending ??= ask(isWrong));
}
