//! Reads what links, and what can be linked to, off an HTML page.

/// Values of every attribute `name` of a page, in order.
pub(super) fn attributes<'a>(html: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    tags(html).flat_map(move |tag| values(tag, &format!("{name}=")).collect::<Vec<_>>())
}

/// What stands between `<` and `>`, scripts, styles and comments apart.
fn tags(html: &str) -> impl Iterator<Item = &str> {
    let mut rest = html;
    std::iter::from_fn(move || {
        let (_, after) = rest.split_once('<')?;
        let end = ["!--", "script", "style"].iter().find(|word| after.starts_with(**word));
        let (tag, next) = after.split_once('>')?;
        rest = match end {
            Some(&"!--") => after.split_once("-->").map_or("", |(_, next)| next),
            Some(word) => next.split_once(&format!("</{word}")).map_or("", |(_, next)| next),
            None => next,
        };
        Some(if end == Some(&"!--") { "" } else { tag })
    })
}

fn values<'a>(tag: &'a str, key: &str) -> impl Iterator<Item = &'a str> {
    let pieces = tag.match_indices(key).filter_map(move |(start, found)| {
        let before = tag.get(..start)?.chars().next_back()?;
        let after = tag.get(start + found.len()..)?;
        before.is_whitespace().then_some(after)
    });
    pieces.filter_map(|after| {
        let quote = after.chars().next().filter(|first| matches!(first, '"' | '\''));
        match quote {
            Some(quote) => after.get(1..)?.split(quote).next(),
            // rustdoc leaves quotes out where it may.
            None => after.split(|end: char| end.is_whitespace() || end == '/').next(),
        }
    })
}

/// A link's text with `%20`, `&amp;` and their like read.
pub(super) fn decoded(link: &str) -> String {
    let link = link.replace("&amp;", "&").replace("&#x27;", "'").replace("&#39;", "'");
    let mut bytes = Vec::new();
    let mut rest = link.as_bytes();
    while let [first, after @ ..] = rest {
        let escaped = (*first == b'%').then(|| byte(after.get(..2)?)).flatten();
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn byte(digits: &[u8]) -> Option<u8> {
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(html: &str, name: &str) -> Vec<String> {
        attributes(html, name).map(str::to_owned).collect()
    }

    #[test]
    fn attributes_are_found_however_they_are_quoted() {
        let html = "<a href=\"a.html\">x</a> <a class='b' href='c'>y</a><a href=d id=e>";
        assert_eq!(found(html, "href"), ["a.html", "c", "d"]);
        assert_eq!(found(html, "id"), ["e"]);
    }

    #[test]
    fn text_scripts_comments_and_other_attributes_are_not_links() {
        let html = "href=\"a\" <script>x = '<a href=\"b\">'</script><!-- <a href=\"c\"> --><a data-href=\"d\">";
        assert!(found(html, "href").is_empty());
        assert_eq!(found("<script src=\"s.js\"></script><img src=i>", "src"), ["s.js", "i"]);
    }

    #[test]
    fn escapes_are_read() {
        assert_eq!(decoded("a%20b&amp;c%C3%A9"), "a b&cé");
        assert_eq!(decoded("100%"), "100%");
        assert_eq!(decoded("%zz"), "%zz");
    }
}
