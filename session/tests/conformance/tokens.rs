//! What holds of tokens of any content.

use proptest::prelude::*;
use session::{SessionId, Token, TokenError, TokenKey};

fn secret_of(text: &str) -> &str {
    text.rsplit('.').next().unwrap()
}

#[test]
fn a_generated_token_reads_back() {
    let key = TokenKey::derive(b"a cluster secret");
    let token = Token::generate().unwrap();
    let text = token.expose();
    let again = Token::parse(&text).unwrap();
    assert_eq!((again.id(), again.expose()), (token.id(), text.clone()));
    assert!(key.hash(&again).matches(&key.hash(&token)));
    assert!(text.starts_with(&format!("pt1.{}.", token.id())));
    assert_eq!((text.len(), secret_of(&text).len()), (80, 43));
}

#[test]
fn no_two_generated_tokens_are_alike() {
    let tokens: std::collections::HashSet<_> = (0..1000).map(|_| Token::generate().unwrap().expose()).collect();
    assert_eq!(tokens.len(), 1000);
}

#[test]
fn a_token_with_anything_around_it_is_refused() {
    let text = Token::generate().unwrap().expose();
    for wrong in
        [format!(" {text}"), format!("{text} "), format!("{text}="), format!("{text}."), text.replace("pt1", "pt2")]
    {
        assert_eq!(Token::parse(&wrong).err(), Some(TokenError::Malformed));
    }
}

#[test]
fn nothing_secret_shows_in_debug() {
    let (token, key) = (Token::generate().unwrap(), TokenKey::derive(b"a cluster secret"));
    let text = token.expose();
    assert_eq!(format!("{token:?}"), format!("Token(pt1.{}.…)", token.id()));
    assert_eq!(format!("{key:?}"), "TokenKey(…)");
    assert_eq!(format!("{:?}", key.hash(&token)), "TokenHash(…)");
    let refused = Token::parse(&text[..79]).unwrap_err();
    assert!(!format!("{refused} {refused:?}").contains(&secret_of(&text)[..10]));
}

/// A token of the given content, through the one way in.
fn token(id: [u8; 16], secret: [u8; 32]) -> Token {
    use base64::Engine as _;
    let encoded = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(secret);
    Token::parse(&format!("pt1.{}.{encoded}", SessionId::from_bytes(id))).unwrap()
}

proptest! {
    #[test]
    fn every_token_reads_back(id: [u8; 16], secret: [u8; 32]) {
        let token = token(id, secret);
        prop_assert_eq!(token.id(), &SessionId::from_bytes(id));
        prop_assert_eq!(Token::parse(&token.expose()).unwrap().expose(), token.expose());
    }

    #[test]
    fn every_changed_character_is_refused_or_gives_another_hash(
        id: [u8; 16], secret: [u8; 32], at in 0_usize..80, to in any::<char>(), ascii in 0x20_u8..0x7f, plain: bool,
    ) {
        let key = TokenKey::derive(b"a cluster secret");
        let token = token(id, secret);
        let text = token.expose();
        let mut changed: Vec<char> = text.chars().collect();
        changed[at] = if plain { char::from(ascii) } else { to };
        let changed: String = changed.into_iter().collect();
        prop_assume!(changed != text);
        if let Ok(other) = Token::parse(&changed) {
            prop_assert!(!key.hash(&other).matches(&key.hash(&token)));
        }
    }

    #[test]
    fn a_character_more_or_less_is_refused(id: [u8; 16], secret: [u8; 32], at in 0_usize..80, extra in 0x20_u8..0x7f) {
        let text = token(id, secret).expose();
        let (mut longer, mut shorter) = (text.clone(), text);
        longer.insert(at, char::from(extra));
        shorter.remove(at);
        prop_assert!(Token::parse(&longer).is_err());
        prop_assert!(Token::parse(&shorter).is_err());
    }

    #[test]
    fn no_text_makes_parsing_panic(text: String) {
        let _ = Token::parse(&text);
        let _ = text.parse::<SessionId>();
    }

    #[test]
    fn what_looks_like_a_token_is_one_or_none(text in "(pt1)?\\.?[0-9a-fA-F]{30,34}\\.[A-Za-z0-9_=+/-]{40,46}") {
        if let Ok(token) = Token::parse(&text) {
            prop_assert_eq!(token.expose(), text);
        }
    }

    #[test]
    fn debug_never_contains_the_secret(id: [u8; 16], secret: [u8; 32]) {
        let token = token(id, secret);
        let shown = format!("{token:?} {token:#?}");
        let text = token.expose();
        prop_assert!(!shown.contains(secret_of(&text)));
        // Nor a recognisable part of it.
        let parts = secret_of(&text).as_bytes().windows(8);
        for part in parts {
            prop_assert!(!shown.contains(std::str::from_utf8(part).unwrap()));
        }
    }
}
