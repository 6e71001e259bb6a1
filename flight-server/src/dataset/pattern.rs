//! Patterns of paths: `*` and `?` within a segment, `**` for any number of segments.

/// What makes a segment of a path a pattern.
const WILD: [char; 2] = ['*', '?'];

/// Whether a path, or a segment of one, is a pattern.
pub(crate) fn is_pattern(path: &str) -> bool {
    path.contains(WILD)
}

/// Whether `path` is what `pattern` means. Both have their segments parted by `/`. The time it takes is bounded by the
/// product of their lengths.
pub(crate) fn matches(pattern: &str, path: &str) -> bool {
    let path = path.split('/').collect::<Vec<_>>();
    // Whether the pattern as far as it was read matches the first 0, 1, … segments of the path.
    let mut reached = vec![false; path.len() + 1];
    reached[0] = true;
    for segment in pattern.split('/') {
        let mut next = vec![false; path.len() + 1];
        if segment == "**" {
            let mut any = false;
            for (next, reached) in next.iter_mut().zip(&reached) {
                any |= *reached;
                *next = any;
            }
        } else {
            for (index, name) in path.iter().enumerate() {
                next[index + 1] = reached[index] && matches_segment(segment, name);
            }
        }
        reached = next;
    }
    reached[path.len()]
}

/// Whether a segment is what a pattern without `/` means.
fn matches_segment(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.chars().collect::<Vec<_>>(), name.chars().collect::<Vec<_>>());
    let (mut p, mut n) = (0, 0);
    // Where the last `*` stands, and what it has taken up to: a mismatch lets it take one more.
    let mut star = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(&character) if character == '?' || character == name[n] => {
                p += 1;
                n += 1;
            }
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    p = at + 1;
                    n = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|character| *character == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stay_in_their_segment_and_two_of_them_cross_segments() {
        for (pattern, path) in [
            ("a.csv", "a.csv"),
            ("*.csv", "a.csv"),
            ("*", "a.csv"),
            ("a*c*e", "abcde"),
            ("a*c*e", "acce"),
            ("?.csv", "é.csv"),
            ("**", "a/b/c.csv"),
            ("**/*.csv", "c.csv"),
            ("**/*.csv", "a/b/c.csv"),
            ("a/**/c", "a/c"),
            ("a/**/c", "a/b/b/c"),
            ("**/b/**", "a/b/c"),
            ("year=*/part-?.parquet", "year=2024/part-1.parquet"),
        ] {
            assert!(matches(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [
            ("a.csv", "b.csv"),
            ("*.csv", "a/b.csv"),
            ("*", "a/b"),
            ("?.csv", ".csv"),
            ("a*c", "abcd"),
            ("**/*.csv", "a/b.json"),
            ("a/**/c", "b/c"),
            ("a", "a/b"),
            ("a/b", "a"),
            ("", "a"),
        ] {
            assert!(!matches(pattern, path), "{pattern} {path}");
        }
    }

    #[test]
    fn no_pattern_takes_long() {
        let (stars, deep) = (vec!["**"; 200].join("/"), vec!["a"; 2000].join("/"));
        assert!(matches(&stars, &deep));
        assert!(!matches(&format!("{stars}/b"), &deep));
        assert!(!matches(&"*a".repeat(200), &format!("{}b", "a".repeat(5000))));
    }
}
