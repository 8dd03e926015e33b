/** The languages of a report. */
export type Language = 'zh' | 'en';

/** A text in both. */
export type Bilingual = Readonly<Record<Language, string>>;
