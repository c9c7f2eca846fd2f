/**
 * What a user name or an email address is compared by: two spellings that differ in case or in Unicode form only
 * have the same key.
 */
export function nameKey(name: string): string {
  // Upper case first: it folds letters (ß, ſ, ς) that lower case alone leaves apart.
  return name.trim().normalize('NFKC').toUpperCase().toLowerCase().normalize('NFKC');
}
