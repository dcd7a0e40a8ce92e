//! Works out the constant expressions that limits are written in.
//!
//! Numbers, names, `+ - * / <<`, parentheses, `as`, `Duration::from_…` and pairs of them. What it
//! cannot read it refuses: nothing is guessed.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::value::Value;

/// What names stand for.
#[derive(Clone, Debug, Default)]
pub(super) struct Names(BTreeMap<String, Value>);

impl Names {
    pub(super) fn insert(&mut self, name: String, value: Value) {
        self.0.insert(name, value);
    }

    /// What `expression` comes to.
    ///
    /// # Errors
    ///
    /// If it has a name or a form we do not know.
    pub(super) fn value_of(&self, expression: &str) -> Result<Value> {
        let tokens = tokens(expression);
        let mut reader = Reader { tokens: &tokens, names: self };
        let value = reader.shift()?;
        match reader.tokens {
            [] => Ok(value),
            [token, ..] => bail!("`{token}` in `{expression}`"),
        }
    }

    /// Whether the expression has no name we lack.
    pub(super) fn knows_all_of(&self, expression: &str) -> bool {
        let tokens = tokens(expression);
        let names = tokens.iter().filter(|token| is_constant(token));
        names.into_iter().all(|name| self.0.contains_key(name))
    }
}

/// Constants are written in capitals: types and functions are not.
fn is_constant(token: &str) -> bool {
    let last = token.rsplit("::").next().unwrap_or(token);
    last.starts_with(char::is_uppercase) && !last.chars().any(char::is_lowercase)
}

/// Words, numbers, paths and signs.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut joins = false;
    for character in text.chars() {
        let is_word = character.is_alphanumeric() || matches!(character, '_' | ':');
        match tokens.last_mut() {
            Some(last) if joins && (is_word || character == '<') && fits(last, character) => {
                last.push(character);
            }
            _ if character.is_whitespace() => {}
            _ => tokens.push(character.to_string()),
        }
        joins = !character.is_whitespace();
    }
    tokens
}

/// Whether `character` goes on with the token `last`.
fn fits(last: &str, character: char) -> bool {
    if character == '<' {
        return last == "<";
    }
    last.ends_with(|end: char| end.is_alphanumeric() || matches!(end, '_' | ':'))
}

struct Reader<'a> {
    tokens: &'a [String],
    names: &'a Names,
}

impl<'a> Reader<'a> {
    fn shift(&mut self) -> Result<Value> {
        let mut value = self.sum()?;
        while self.takes("<<") {
            let by = u32::try_from(number(self.sum()?)?)?;
            value = Value::Number(number(value)?.checked_shl(by).context("too large")?);
        }
        Ok(value)
    }

    fn sum(&mut self) -> Result<Value> {
        let mut value = self.product()?;
        loop {
            let (left, op) = if self.takes("+") {
                (value, u128::checked_add as fn(u128, u128) -> Option<u128>)
            } else if self.takes("-") {
                (value, u128::checked_sub as fn(u128, u128) -> Option<u128>)
            } else {
                return Ok(value);
            };
            value = apply(op, left, self.product()?)?;
        }
    }

    fn product(&mut self) -> Result<Value> {
        let mut value = self.cast()?;
        loop {
            let (left, op) = if self.takes("*") {
                (value, u128::checked_mul as fn(u128, u128) -> Option<u128>)
            } else if self.takes("/") {
                (value, u128::checked_div as fn(u128, u128) -> Option<u128>)
            } else {
                return Ok(value);
            };
            value = apply(op, left, self.cast()?)?;
        }
    }

    fn cast(&mut self) -> Result<Value> {
        let value = self.atom()?;
        if self.takes("as") {
            self.next()?;
        }
        Ok(value)
    }

    fn atom(&mut self) -> Result<Value> {
        if self.takes("(") {
            return self.in_parentheses();
        }
        let token = self.next()?;
        if let Some(unit) = token.strip_prefix("Duration::from_") {
            return self.time(unit);
        }
        if token.starts_with(|first: char| first.is_ascii_digit()) {
            return Ok(Value::Number(token.replace('_', "").parse()?));
        }
        self.names.0.get(token).copied().with_context(|| format!("`{token}` is not known"))
    }

    /// One value, or a pair of times.
    fn in_parentheses(&mut self) -> Result<Value> {
        let first = self.shift()?;
        if !self.takes(",") {
            self.wants(")")?;
            return Ok(first);
        }
        let second = self.shift()?;
        self.wants(")")?;
        match (first, second) {
            (Value::Time(from), Value::Time(to)) => Ok(Value::Times(from, to)),
            _ => bail!("a pair of something else than times"),
        }
    }

    fn time(&mut self, unit: &str) -> Result<Value> {
        self.wants("(")?;
        let count = u64::try_from(number(self.shift()?)?)?;
        self.wants(")")?;
        Ok(Value::Time(match unit {
            "secs" => Duration::from_secs(count),
            "millis" => Duration::from_millis(count),
            "micros" => Duration::from_micros(count),
            _ => bail!("`Duration::from_{unit}`"),
        }))
    }

    fn wants(&mut self, token: &str) -> Result<()> {
        if self.takes(token) { Ok(()) } else { bail!("no `{token}` where it should be") }
    }

    fn takes(&mut self, token: &str) -> bool {
        let is_next = self.tokens.first().is_some_and(|next| next == token);
        if is_next {
            self.tokens = self.tokens.get(1..).unwrap_or_default();
        }
        is_next
    }

    fn next(&mut self) -> Result<&'a str> {
        let (first, rest) = self.tokens.split_first().context("it ends too early")?;
        self.tokens = rest;
        Ok(first)
    }
}

fn apply(op: fn(u128, u128) -> Option<u128>, left: Value, right: Value) -> Result<Value> {
    let number = op(number(left)?, number(right)?).context("it has no value")?;
    Ok(Value::Number(number))
}

fn number(value: Value) -> Result<u128> {
    match value {
        Value::Number(number) => Ok(number),
        Value::Time(_) | Value::Times(..) => bail!("a time where a number should be"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Result<Value> {
        let mut names = Names::default();
        names.insert("A".to_owned(), Value::Number(100));
        names.insert("wire::Header::LEN".to_owned(), Value::Number(9));
        names.value_of(text)
    }

    #[test]
    fn expressions_are_worked_out_as_rust_does() {
        for (text, wanted) in [
            ("1_200", 1_200),
            ("16 * 1024", 16_384),
            ("1 << 20", 1 << 20),
            ("A - wire::Header::LEN - 8", 83),
            ("2 * (A + 1) / 2", 101),
            ("1 << 2 + 1", 8),
            ("A as u64 * 2", 200),
        ] {
            assert_eq!(value(text).unwrap(), Value::Number(wanted), "{text}");
        }
    }

    #[test]
    fn times_and_pairs_of_them_are_values() {
        assert_eq!(
            value("Duration::from_millis(2 * A)").unwrap(),
            Value::Time(Duration::from_millis(200))
        );
        assert_eq!(
            value("(Duration::from_secs(1), Duration::from_secs(2))").unwrap(),
            Value::Times(Duration::from_secs(1), Duration::from_secs(2))
        );
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for text in
            ["", "B", "1 +", "1 2", "(1", "(1, 2)", "f(1)", "1 - 2", "Duration::from_days(1)"]
        {
            assert!(value(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_name_that_is_not_known_yet_can_wait() {
        let names = Names::default();
        assert!(names.knows_all_of("Duration::from_secs(1 << 2)"));
        assert!(!names.knows_all_of("2 * B"));
        assert!(!names.knows_all_of("wire::Header::LEN"));
    }
}
