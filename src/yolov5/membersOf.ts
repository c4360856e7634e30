/** A model's networks on this thread, wherever it computes. */

import type { Member } from "./ensemble.js";

/** What has networks: any `Model`. */
export interface MembersModel<M = Member> {
  readonly members: readonly M[];
  /** Absent if `members` has them. */
  openMembers?(): Promise<readonly M[]>;
}

export async function membersOf<M>(model: MembersModel<M>): Promise<readonly M[]> {
  return model.openMembers ? model.openMembers() : model.members;
}
