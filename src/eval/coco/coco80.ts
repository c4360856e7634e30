/** COCO's 80 classes and their category ids in annotation files. */

export const COCO_NAMES: readonly string[] = (
  "person,bicycle,car,motorcycle,airplane,bus,train,truck,boat,traffic light,fire hydrant,stop sign,parking meter," +
  "bench,bird,cat,dog,horse,sheep,cow,elephant,bear,zebra,giraffe,backpack,umbrella,handbag,tie,suitcase,frisbee,skis," +
  "snowboard,sports ball,kite,baseball bat,baseball glove,skateboard,surfboard,tennis racket,bottle,wine glass,cup,fork," +
  "knife,spoon,bowl,banana,apple,sandwich,orange,broccoli,carrot,hot dog,pizza,donut,cake,chair,couch,potted plant,bed," +
  "dining table,toilet,tv,laptop,mouse,remote,keyboard,cell phone,microwave,oven,toaster,sink,refrigerator,book,clock," +
  "vase,scissors,teddy bear,hair drier,toothbrush"
).split(",");

/** Unused ids below 91. */
const GAPS = new Set([12, 26, 29, 30, 45, 66, 68, 69, 71, 83]);

/** Category id of each class index: 1, 2, …, 90 without the gaps. */
export const COCO_CATEGORY_IDS: readonly number[] = Array.from({ length: 90 }, (_, i) => i + 1).filter(
  (id) => !GAPS.has(id),
);

export function isCoco(names: readonly string[]): boolean {
  return names.length === COCO_NAMES.length && names.every((name, index) => name === COCO_NAMES[index]);
}
