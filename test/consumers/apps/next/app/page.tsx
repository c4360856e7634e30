import { Detector } from "./detector";

export default function Page() {
  return <Detector />;
}
