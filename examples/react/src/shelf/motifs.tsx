import type { ReactNode } from "react";

export type MotifName =
  | "watch"
  | "fluke"
  | "rings"
  | "bat"
  | "hourglass"
  | "bolt"
  | "candle"
  | "lens"
  | "compass"
  | "skylines"
  | "portrait"
  | "ship"
  | "pages";

/** Line drawings on an 80 by 80 field, stamped in foil; "solid" parts are filled. */
export const motifs: Readonly<Record<MotifName, ReactNode>> = {
  // A pocket watch that is also the rabbit-hole.
  watch: (
    <>
      <circle cx="40" cy="42" r="34" />
      <path d="M40 8V3M36 3h8" />
      <path d="M40 12v5M40 67v5M10 42h5M65 42h5M18.8 20.8l3.5 3.5M57.7 59.7l3.5 3.5M61.2 20.8l-3.5 3.5M22.3 59.7l-3.5 3.5" />
      <circle cx="40.5" cy="43" r="22" />
      <circle cx="41.5" cy="45" r="16.5" />
      <circle cx="42.8" cy="47" r="11.5" />
      <circle cx="44" cy="49" r="7" />
      <circle className="solid" cx="45" cy="50.5" r="3" />
    </>
  ),
  fluke: (
    <>
      <path
        className="solid"
        d="M40 58C39 46 35 36 9 25c12-5 25-2 31 7 6-9 19-12 31-7C45 36 41 46 40 58Z"
      />
      <path d="M6 60c6-5 11-5 17 0s11 5 17 0 11-5 17 0 11 5 17 0" />
      <path d="M12 68c5-4 9-4 14 0s9 4 14 0 9-4 14 0 9 4 14 0" />
      <path d="M22 75c3-2.5 6-2.5 9 0s6 2.5 9 0 6-2.5 9 0 6 2.5 9 0" />
    </>
  ),
  rings: (
    <>
      <circle cx="29" cy="47" r="19" />
      <circle cx="29" cy="47" r="15.5" />
      <circle cx="51" cy="47" r="19" />
      <circle cx="51" cy="47" r="15.5" />
      <path className="solid" d="M51 15l5.5 6.5L51 28l-5.5-6.5Z" />
      <path d="M29 19v9M25 23.5h8" />
      <path d="M12 76h56" />
    </>
  ),
  bat: (
    <>
      <circle cx="40" cy="40" r="35" />
      <circle cx="40" cy="40" r="31.5" />
      <path
        className="solid"
        d="M40 35l1.5 0 2-5 1.5 5C50 29 59 27 70 31c-6 3-8 8-8 13-5-4-10-3-12 3-3-4-7-3-10 7-3-10-7-11-10-7-2-6-7-7-12-3 0-5-2-10-8-13 11-4 20-2 25 4l1.5-5 2 5Z"
      />
      <path d="M20 64h40M26 68h28" />
    </>
  ),
  hourglass: (
    <>
      <path d="M22 8h36M22 72h36M25 4h30M25 76h30" />
      <path d="M26 8c0 19 12 23 12 32S26 53 26 72M54 8c0 19-12 23-12 32s12 13 12 32" />
      <path className="solid" d="M32.5 23h15c-2 5-5 8-7.5 13-2.5-5-5.5-8-7.5-13Z" />
      <path className="solid" d="M29 70c1-8 6-10 11-15 5 5 10 7 11 15Z" />
      <path d="M40 38v15" />
      <ellipse cx="40" cy="40" rx="37" ry="13" transform="rotate(-18 40 40)" />
    </>
  ),
  bolt: (
    <>
      <path className="solid" d="M47 4 23 44h14l-5 32 26-43H43Z" />
      <path d="M12 20l7 5M8 36h9M12 52l7-4M68 58l-7-4M72 44h-9M68 24l-7 5" />
      <path d="M18 12l4 5M62 68l-4-5" />
    </>
  ),
  candle: (
    <>
      <path className="solid" d="M40 10c8 10 8 17 0 23-8-6-8-13 0-23Z" />
      <path d="M40 33v5" />
      <path d="M33.5 39h13v24h-13Z" />
      <path d="M20 63h40c-1 7-6 10-20 10S21 70 20 63Z" />
      <path d="M60 64c8-4 8 6-1 5" />
      <path strokeDasharray="1 5" d="M21.5 36a21 21 0 1 1 37 0M14 40a30 30 0 1 1 52 0" />
    </>
  ),
  lens: (
    <>
      <circle cx="34" cy="33" r="26" />
      <circle cx="34" cy="33" r="22.5" />
      <path className="heavy" d="M53 52l19 20" />
      <path d="M24 43c-3-14 3-23 10-23s13 8 10 23M28.5 46c-3-13 0-20 5.5-20s8.5 7 5.5 20M33 48c-2-10-1-16 1-16s3 6 1 16M20.5 35c1-11 6-19 13.5-19s12.5 8 13.5 19" />
    </>
  ),
  compass: (
    <>
      <circle cx="40" cy="40" r="23" />
      <circle cx="40" cy="40" r="26.5" strokeDasharray="1 4" />
      <path d="M40 3l6 31 31 6-31 6-6 31-6-31-31-6 31-6Z" />
      <path className="solid" d="M40 3v37l6-6ZM77 40H40l6 6ZM40 77V40l-6 6ZM3 40h37l-6-6Z" />
      <path d="M56 24l4-4M56 56l4 4M24 56l-4 4M24 24l-4-4" />
    </>
  ),
  // London above, Paris below, each the other's reflection.
  skylines: (
    <>
      <path d="M4 40h72" />
      <path d="M10 37V24h9v13M61 37V20h9v17M61 20l4.5-8 4.5 8" />
      <path d="M24 37V26h32v11M28 26a12 13 0 0 1 24 0M40 13V4M36.5 7h7" />
      <path className="solid" d="M37 13h6v-3h-6Z" />
      <path d="M22 43v29h13V59h10v13h13V43M10 43v9h12M70 43v9H58" />
      <circle cx="40" cy="50.5" r="4.5" />
      <path className="solid" d="M27 66h3v-9h-3ZM50 66h3v-9h-3Z" />
    </>
  ),
  portrait: (
    <>
      <path d="M12 3h56v74H12ZM19 10h42v60H19Z" />
      <path d="M12 3l7 7M68 3l-7 7M12 77l7-7M68 77l-7-7" />
      <ellipse cx="40" cy="40" rx="15" ry="22" />
      <path className="solid" d="M40 18a15 22 0 0 1 0 44c5-7-5-12 0-20s-5-14 0-24Z" />
    </>
  ),
  ship: (
    <>
      <path className="solid" d="M8 48l8 4h46l10-9c-1 13-8 20-17 20H24C15 63 10 57 8 48Z" />
      <path d="M40 52V8M40 8l9 3-9 3" />
      <path d="M21 17h38c4 10 3 19-2 28H23c-5-9-6-18-2-28ZM31 17c-3 10-3 19 0 28M49 17c3 10 3 19 0 28" />
      <path d="M24 63l-4 6M34 63l-4 6M44 63l-4 6M54 63l-4 6" />
      <path d="M6 75c5-4 9-4 14 0s9 4 14 0 9-4 14 0 9 4 14 0 8-4 12-1" />
    </>
  ),
  pages: (
    <>
      <path d="M40 22C31 14 17 13 6 17v44c11-4 25-3 34 5 9-8 23-9 34-5V17c-11-4-25-3-34 5Z" />
      <path d="M40 22v44M14 27c6-1 12-.5 18 2M14 36c6-1 12-.5 18 2M14 45c6-1 12-.5 18 2M66 27c-6-1-12-.5-18 2M66 36c-6-1-12-.5-18 2M66 45c-6-1-12-.5-18 2" />
    </>
  ),
};
