//! How mistakes are told.

use super::*;

#[test]
fn several_mistakes_are_reported_at_once() {
    let text = changed(&[
        ("image: nginx", "image: \"\""),
        ("port: 80", "port: 0"),
        ("size: 1Gi\n        storage", "size: 1GB\n        storage"),
        ("amount: 100", "amount: -1"),
    ]);
    let found = refused(&text);
    let rules: Vec<_> = found.iter().map(|it| it.rule).collect();
    assert_eq!(rules, [Rule::Quantity, Rule::Price, Rule::Image, Rule::Port], "{found}");
    let text = changed(&[
        ("image: nginx", "image: \"\""),
        ("port: 80", "port: 0"),
        ("cpu:\n          units: 1", "cpu:\n          units: 1m"),
        ("count: 1", "count: 20000"),
    ]);
    let rules: Vec<_> = refused(&text).iter().map(|it| it.rule).collect();
    assert_eq!(rules, [Rule::Limit, Rule::Image, Rule::Port]);
}

#[test]
fn reports_show_file_line_column_text_and_hint() {
    let text = changed(&[("size: 1Gi\n        storage", "size: 1GB\n        storage")]);
    let found = refused(&text).with_name("web.yaml");
    assert_eq!(
        found.to_string(),
        "web.yaml:16:17: error[sdl::quantity::syntax]: the memory's size has a unit that does not exist: `GB`"
    );
    let json = found.to_json();
    assert_eq!(json[0]["file"], "web.yaml");
    assert_eq!(json[0]["span"]["start"]["line"], 16);
    assert_eq!(json[0]["span"]["end"]["column"], 20);
    assert_eq!(json[0]["path"], "profiles.compute.web.resources.memory.size");
    assert_eq!(json[0]["text"], "1GB");
    assert_eq!(json[0]["code"], "sdl::quantity::syntax");
    let shown = found.render(sdl::RenderOptions { color: false, unicode: false, width: 80 });
    for part in ["web.yaml:16:17", "size: 1GB", "`1G`", "sdl::quantity::syntax"] {
        assert!(shown.contains(part), "{shown}");
    }
}
