import { join } from "node:path";
import { load } from "yolov5-ts";

export const dynamic = "force-dynamic";

export async function GET() {
  const model = await load("codes", { backend: "wasm" });
  try {
    const { detections } = await model.detect(join(process.cwd(), "public/codes.png"));
    return Response.json({ detections: detections.length });
  } finally {
    model.dispose();
  }
}
