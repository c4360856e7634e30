/** Objects made unrecognisable, in pictures and through the frames of a video. */

export { type ObscureStyle, obscure, type Region } from "../../image/obscure.js";
export { type BlurOptions, type BlurredObject, type BlurShape, blur } from "./blur.js";
export { type BridgedBox, type BridgedFrame, TrackBridge, type TrackBridgeOptions } from "./trackBridge.js";
