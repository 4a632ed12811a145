import type { FrameName } from "./shelf/frames";
import type { MotifName } from "./shelf/motifs";

export type Cloth = "oxblood" | "forest" | "navy" | "plum" | "umber" | "teal" | "slate" | "moss" | "rust" | "indigo" | "wine" | "pine";

export interface Book {
  /** The number of the book at Project Gutenberg, and the name of its room. */
  id: number;
  title: string;
  author: string;
  published: string;
  /** The book's own first words: what an empty room is greeted with. */
  opening: string;
  cloth: Cloth;
  motif: MotifName;
  frame: FrameName;
}

/** Twelve, so that rows of three, four and six are always full shelves. */
export const books: readonly Book[] = [
  {
    id: 11,
    title: "Alice’s Adventures in Wonderland",
    author: "Lewis Carroll",
    published: "1865",
    opening: "Alice was beginning to get very tired of sitting by her sister on the bank, and of having nothing to do…",
    cloth: "teal",
    motif: "watch",
    frame: "rules",
  },
  {
    id: 2701,
    title: "Moby-Dick",
    author: "Herman Melville",
    published: "1851",
    opening: "Call me Ishmael.",
    cloth: "navy",
    motif: "fluke",
    frame: "bands",
  },
  {
    id: 1342,
    title: "Pride and Prejudice",
    author: "Jane Austen",
    published: "1813",
    opening:
      "It is a truth universally acknowledged, that a single man in possession of a good fortune, must be in want of a wife.",
    cloth: "moss",
    motif: "rings",
    frame: "corners",
  },
  {
    id: 345,
    title: "Dracula",
    author: "Bram Stoker",
    published: "1897",
    opening: "Left Munich at 8:35 P.M., on 1st May, arriving at Vienna early next morning…",
    cloth: "oxblood",
    motif: "bat",
    frame: "notched",
  },
  {
    id: 35,
    title: "The Time Machine",
    author: "H. G. Wells",
    published: "1895",
    opening:
      "The Time Traveller (for so it will be convenient to speak of him) was expounding a recondite matter to us.",
    cloth: "umber",
    motif: "hourglass",
    frame: "bands",
  },
  {
    id: 84,
    title: "Frankenstein",
    author: "Mary Shelley",
    published: "1818",
    opening:
      "You will rejoice to hear that no disaster has accompanied the commencement of an enterprise which you have regarded with such evil forebodings.",
    cloth: "slate",
    motif: "bolt",
    frame: "rules",
  },
  {
    id: 1260,
    title: "Jane Eyre",
    author: "Charlotte Brontë",
    published: "1847",
    opening: "There was no possibility of taking a walk that day.",
    cloth: "plum",
    motif: "candle",
    frame: "corners",
  },
  {
    id: 1661,
    title: "The Adventures of Sherlock Holmes",
    author: "Arthur Conan Doyle",
    published: "1892",
    opening: "To Sherlock Holmes she is always the woman.",
    cloth: "forest",
    motif: "lens",
    frame: "notched",
  },
  {
    id: 120,
    title: "Treasure Island",
    author: "Robert Louis Stevenson",
    published: "1883",
    opening:
      "Squire Trelawney, Dr. Livesey, and the rest of these gentlemen having asked me to write down the whole particulars about Treasure Island…",
    cloth: "rust",
    motif: "compass",
    frame: "rules",
  },
  {
    id: 98,
    title: "A Tale of Two Cities",
    author: "Charles Dickens",
    published: "1859",
    opening: "It was the best of times, it was the worst of times…",
    cloth: "indigo",
    motif: "skylines",
    frame: "bands",
  },
  {
    id: 174,
    title: "The Picture of Dorian Gray",
    author: "Oscar Wilde",
    published: "1890",
    opening: "The artist is the creator of beautiful things.",
    cloth: "wine",
    motif: "portrait",
    frame: "corners",
  },
  {
    id: 1727,
    title: "The Odyssey",
    author: "Homer",
    published: "translated by Samuel Butler, 1900",
    opening:
      "Tell me, O Muse, of that ingenious hero who travelled far and wide after he had sacked the famous town of Troy.",
    cloth: "pine",
    motif: "ship",
    frame: "notched",
  },
];

/** Every number has a room, on the shelf or not. */
export function findBook(id: number): Book {
  return (
    books.find((book) => book.id === id) ?? {
      id,
      title: `Book ${id}`,
      author: "",
      published: "",
      opening: "",
      cloth: "slate",
      motif: "pages",
      frame: "rules",
    }
  );
}
