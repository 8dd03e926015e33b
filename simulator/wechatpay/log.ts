/** Takes one fact of what happened; never a key, a signature or a body. */
export type Log = (fact: Readonly<Record<string, string | number>>) => void;
