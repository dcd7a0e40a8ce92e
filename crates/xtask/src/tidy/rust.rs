//! Finds the functions and structs of one file's text.
//!
//! Relies on the format rustfmt gives: an item ends with the first later line that closes it at
//! its own indent.

/// A function, with its body or without.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Function {
    pub(super) name: String,
    /// From its first line to its last, attributes and docs apart.
    pub(super) lines: usize,
    /// Besides `self`.
    pub(super) arguments: usize,
}

/// A struct with named fields.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Struct {
    pub(super) name: String,
    pub(super) fields: usize,
}

/// Words that may stand before `fn` and `struct`.
const MODIFIERS: [&str; 5] = ["const ", "async ", "unsafe ", "extern \"C\" ", "default "];

/// Every function of `text`, nested ones too.
pub(super) fn functions(text: &str) -> Vec<Function> {
    let lines: Vec<&str> = text.lines().collect();
    let starts = lines.iter().enumerate();
    starts
        .filter_map(|(at, line)| {
            let name = name_after(line, "fn ")?;
            let item = item(lines.get(at..)?, indent_of(line));
            let arguments = arguments(&item.join("\n"), &name);
            Some(Function { name, lines: item.len(), arguments })
        })
        .collect()
}

/// Every struct of `text` with named fields.
pub(super) fn structs(text: &str) -> Vec<Struct> {
    let lines: Vec<&str> = text.lines().collect();
    let starts = lines.iter().enumerate();
    starts
        .filter_map(|(at, line)| {
            let name = name_after(line, "struct ")?;
            let indent = indent_of(line);
            let body = item(lines.get(at..)?, indent);
            let fields = body.iter().filter(|line| is_field(line, indent + 4)).count();
            Some(Struct { name, fields })
        })
        .collect()
}

/// The name on a line that begins an item of this `keyword`.
fn name_after(line: &str, keyword: &str) -> Option<String> {
    let mut rest = without_visibility(line.trim_start());
    while let Some(shorter) = MODIFIERS.iter().find_map(|word| rest.strip_prefix(word)) {
        rest = shorter;
    }
    let rest = rest.strip_prefix(keyword)?;
    let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!name.is_empty()).then_some(name)
}

fn without_visibility(text: &str) -> &str {
    match text.strip_prefix("pub(") {
        Some(rest) => rest.split_once(") ").map_or(text, |(_, rest)| rest),
        None => text.strip_prefix("pub ").unwrap_or(text),
    }
}

/// The lines of the item that begins on the first of `lines`.
fn item<'a>(lines: &'a [&'a str], indent: usize) -> &'a [&'a str] {
    let mut opened = false;
    for (at, line) in lines.iter().enumerate() {
        let text = line.trim_end();
        let closes = indent_of(line) == indent && text.trim_start().starts_with('}');
        let declared = !opened && (text.ends_with(';') || at == 0 && text.ends_with('}'));
        if declared || (opened && closes) {
            return lines.get(..=at).unwrap_or_default();
        }
        opened |= text.ends_with('{');
    }
    lines
}

fn is_field(line: &str, indent: usize) -> bool {
    let text = without_visibility(line.trim_start());
    let name = text.split_once(':').map(|(name, _)| name);
    let is_name = |name: &str| name.chars().all(|c| c.is_alphanumeric() || c == '_');
    indent_of(line) == indent && name.is_some_and(|name| !name.is_empty() && is_name(name))
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// How many arguments besides `self` the function `name` takes.
fn arguments(item: &str, name: &str) -> usize {
    let code: String = item.lines().map(|line| line.split("//").next().unwrap_or(line)).collect();
    // The arrow's head is no bracket.
    let code = code.replace("->", "  ").replace("=>", "  ");
    let Some((_, rest)) = code.split_once(&format!("fn {name}")) else { return 0 };
    let all = list(after_generics(rest));
    all.iter().filter(|argument| !is_self(argument)).count()
}

/// What follows `<…>`, if that is how `text` begins.
fn after_generics(text: &str) -> &str {
    let mut depth = 0_usize;
    for (at, character) in text.char_indices() {
        match character {
            '<' => depth += 1,
            '>' => depth = depth.saturating_sub(1),
            '(' if depth == 0 => return text.get(at + 1..).unwrap_or_default(),
            _ => {}
        }
    }
    ""
}

/// The items of a list up to the bracket that ends it.
fn list(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut found) = (0_usize, 0, Vec::new());
    for (at, character) in text.char_indices() {
        let ends = depth == 0 && matches!(character, ',' | ')');
        if ends {
            found.extend(text.get(start..at));
            start = at + 1;
        }
        match character {
            '(' | '[' | '{' | '<' => depth += 1,
            ')' if depth == 0 => break,
            ')' | ']' | '}' | '>' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    found.retain(|item| !item.trim().is_empty());
    found
}

fn is_self(argument: &str) -> bool {
    let name = argument.split(':').next().unwrap_or(argument);
    name.split_whitespace().last().is_some_and(|word| word.trim_start_matches('&') == "self")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(text: &str) -> Function {
        functions(text).remove(0)
    }

    #[test]
    fn arguments_are_counted_besides_self_whatever_brackets_they_hold() {
        for (text, wanted) in [
            ("fn a() {}", 0),
            ("fn a(&self) {}", 0),
            ("fn a(&'a mut self, b: u8) {}", 1),
            ("fn a(mut self: Box<Self>, b: u8) {}", 1),
            ("pub(crate) const fn a<F: Fn(u8, u8) -> u8>(b: F, c: [u8; 2]) -> (u8, u8) {}", 2),
            ("fn a(\n    b: HashMap<u8, u8>, // one, two\n    (c, d): (u8, u8),\n) {\n}", 2),
            ("fn a(each: &mut dyn FnMut(u8, u8) -> u8, selfish: u8);", 2),
        ] {
            assert_eq!(function(text).arguments, wanted, "{text}");
        }
    }

    #[test]
    fn a_function_reaches_from_its_name_to_its_closing_brace() {
        for (text, wanted) in [
            ("fn a() {}", 1),
            ("    fn a(&self);\n\n    fn b() {\n    }", 1),
            ("fn a()\nwhere\n    Self: Sized;\n\nfn b() {\n}", 3),
            (
                "pub async fn a(\n    b: u8,\n)\nwhere\n    C: D,\n{\n    if b {\n    }\n}\nfn e() {}",
                9,
            ),
        ] {
            assert_eq!(function(text).lines, wanted, "{text}");
        }
    }

    #[test]
    fn nested_functions_are_found() {
        let text = "impl A {\n    unsafe fn b() {\n        fn c() {\n        }\n    }\n}";
        let names: Vec<String> = functions(text).into_iter().map(|found| found.name).collect();
        assert_eq!(names, ["b", "c"]);
    }

    #[test]
    fn fields_are_counted_once_each() {
        let text = "pub struct A<T> {\n    /// Doc: one.\n    pub b: u8,\n    #[x(y)]\n    pub(crate) c: Map<\n        u8,\n        T,\n    >,\n}\nstruct D(u8);\nstruct E { f: u8 }\n";
        let found: Vec<(String, usize)> =
            structs(text).into_iter().map(|found| (found.name, found.fields)).collect();
        assert_eq!(found, [("A".to_owned(), 2), ("D".to_owned(), 0), ("E".to_owned(), 0)]);
    }
}
