// This browser's camera, one JPEG at a time.
import { pushCamera } from "./server.js";

export async function openCamera(video, { opened, failed }) {
  if (!navigator.mediaDevices) {
    const port = location.port || 80;
    throw new Error(
      `a browser gives its camera to https or localhost alone: on your machine ssh -L ${port}:127.0.0.1:${port} ` +
      `${location.hostname}, then open http://localhost:${port}/`);
  }
  const media = await navigator.mediaDevices.getUserMedia({
    audio: false, video: { width: { ideal: 1280 }, height: { ideal: 720 }, facingMode: "environment" },
  }).catch((error) => { throw new Error(`the camera cannot be opened (${error.name}): allow it for this page, and see that no other program has it`); });
  video.srcObject = media;
  await video.play();
  const canvas = document.createElement("canvas");
  const next = () => new Promise((done) =>
    video.requestVideoFrameCallback ? video.requestVideoFrameCallback(() => done()) : setTimeout(done, 33));
  const make = async () => {
    await next();
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    canvas.getContext("2d").drawImage(video, 0, 0);
    return new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.85));
  };
  const stop = () => media.getTracks().forEach((track) => track.stop());
  const end = pushCamera(make, {
    opened, failed: (line) => { stop(); failed(line); },
  });
  return () => { end(); stop(); };
}
