import type { ReactNode } from "react";

export type FrameName = "rules" | "bands" | "corners" | "notched";

/** The binder's border around a cover of 120 by 180, right of the hinge. */
export const frames: Readonly<Record<FrameName, ReactNode>> = {
  rules: (
    <>
      <rect x="15" y="7" width="98" height="166" rx="1.5" />
      <rect x="18" y="10" width="92" height="160" rx="1" strokeWidth="0.5" />
    </>
  ),
  bands: (
    <>
      <path d="M9 9h111M9 171h111" strokeWidth="3" strokeLinecap="butt" />
      <path d="M9 14h111M9 166h111" strokeWidth="0.7" strokeLinecap="butt" />
    </>
  ),
  corners: (
    <>
      <rect x="17" y="9" width="94" height="162" strokeWidth="0.7" />
      <path d="M17 21a12 12 0 0 0 12-12M99 9a12 12 0 0 0 12 12M17 159a12 12 0 0 1 12 12M99 171a12 12 0 0 1 12-12" />
      <circle className="solid" cx="20.5" cy="12.5" r="1.1" />
      <circle className="solid" cx="107.5" cy="12.5" r="1.1" />
      <circle className="solid" cx="20.5" cy="167.5" r="1.1" />
      <circle className="solid" cx="107.5" cy="167.5" r="1.1" />
    </>
  ),
  notched: (
    <>
      <path d="M23 7h82a8 8 0 0 0 8 8v150a8 8 0 0 0-8 8H23a8 8 0 0 0-8-8V15a8 8 0 0 0 8-8Z" />
      <path d="M26 10.5h76a9 9 0 0 0 7.5 7.5v144a9 9 0 0 0-7.5 7.5H26a9 9 0 0 0-7.5-7.5V18a9 9 0 0 0 7.5-7.5Z" strokeWidth="0.5" />
    </>
  ),
};
