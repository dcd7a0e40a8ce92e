//! Judges SPDX licence expressions.

/// Licences that ask for no more than to be named.
const PERMISSIVE: [&str; 11] = [
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Whether `expression` leaves us a choice of permissive licences alone.
///
/// `/` is read as the old way to write `OR`; `WITH` adds a permission, so what stands before it
/// decides.
pub(super) fn is_permissive(expression: &str) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut parser = Parser { words: &words };
    let permissive = parser.any();
    permissive && parser.words.is_empty()
}

/// What is still to be read.
struct Parser<'a> {
    words: &'a [&'a str],
}

impl Parser<'_> {
    /// `A OR B`.
    fn any(&mut self) -> bool {
        let mut permissive = self.every();
        while self.takes("OR") {
            permissive |= self.every();
        }
        permissive
    }

    /// `A AND B`, which binds closer.
    fn every(&mut self) -> bool {
        let mut permissive = self.one();
        while self.takes("AND") {
            permissive &= self.one();
        }
        permissive
    }

    fn one(&mut self) -> bool {
        if self.takes("(") {
            let permissive = self.any();
            return self.takes(")") && permissive;
        }
        let permissive = self.next().is_some_and(|name| PERMISSIVE.contains(&name));
        if self.takes("WITH") {
            self.next();
        }
        permissive
    }

    fn takes(&mut self, word: &str) -> bool {
        let is_next = self.words.first() == Some(&word);
        if is_next {
            self.next();
        }
        is_next
    }

    fn next(&mut self) -> Option<&str> {
        let (first, rest) = self.words.split_first()?;
        self.words = rest;
        Some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permissive_choice_is_enough() {
        for expression in [
            "MIT",
            "MIT OR Apache-2.0",
            "MIT/Apache-2.0",
            "Apache-2.0 AND ISC",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT",
            "MIT OR LGPL-2.1-or-later",
            "GPL-3.0 AND MIT OR ISC",
        ] {
            assert!(is_permissive(expression), "{expression}");
        }
    }

    #[test]
    fn no_permissive_choice_is_refused() {
        for expression in [
            "",
            "GPL-3.0-only",
            "MIT AND MPL-2.0",
            "(MIT OR Apache-2.0) AND (GPL-3.0 OR MPL-2.0)",
            "MIT GPL-3.0",
            "(MIT",
        ] {
            assert!(!is_permissive(expression), "{expression}");
        }
    }
}
