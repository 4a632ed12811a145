// What the readers in the pictures say: made up, and so are they.

export const conversation = [
  ["Edmond", "Chapter six again. The Cheshire Cat scene is my favourite!"],
  ["Mina", "“We’re all mad here.” I laughed out loud on the train."],
  ["Alice", "I must say it is much stranger from the inside."],
  ["Edmond", "A reader named Alice. Of course there is one 😄"],
  ["Alice", "Somebody has to be. Has anyone solved the riddle of the raven and the writing-desk?"],
  ["Mina", "The Hatter himself hasn’t the slightest idea.\nThat is what I love about him."],
  ["Mina", "Tea on Sunday, chapter seven? It is always six o’clock there, so nobody can be late."],
  ["Edmond", "I’ll bring a watch. With the best butter."],
];

/** Said by Mina while Alice is elsewhere. */
export const meanwhile = [
  "The Queen has sent for tarts. Nobody knows who took the last ones.",
  "I have my suspicions, and he is looking at his shoes.",
];
