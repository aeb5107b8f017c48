use super::*;

const TARGET: &str = "https://states.eu-west-1.amazonaws.com/";

fn way(https: &str, none_for: &str, target: &str) -> Option<String> {
    Proxies::new(Some(https), None, none_for).unwrap().on_the_way_to(target)
}

#[test]
fn a_proxy_serves_the_targets_of_its_scheme() {
    assert_eq!(way("proxy:3128", "", TARGET).as_deref(), Some("proxy:3128"));
    assert_eq!(way("http://u:p@proxy", "", TARGET).as_deref(), Some("proxy:80"));
    assert_eq!(way("proxy:3128", "", "http://elsewhere/"), None);
    let both = Proxies::new(Some("a:1"), Some("b:2"), "").unwrap();
    assert_eq!(both.on_the_way_to("http://elsewhere/").as_deref(), Some("b:2"));
    assert_eq!(Proxies::new(Some(" "), None, "").unwrap().on_the_way_to(TARGET), None);
}

#[test]
fn what_needs_no_proxy_is_reached_directly() {
    for none_for in [
        "*",
        "amazonaws.com",
        ".amazonaws.com",
        "*.amazonaws.com",
        "example.com, states.EU-west-1.amazonaws.com",
        "amazonaws.com:443",
    ] {
        assert_eq!(way("proxy:1", none_for, TARGET), None, "{none_for}");
    }
    for none_for in ["", "aws.com", "amazonaws.com:8443", "eu-west-1", "10.0.0.0/8", ","] {
        assert!(way("proxy:1", none_for, TARGET).is_some(), "{none_for}");
    }
    assert_eq!(way("proxy:1", "10.0.0.0/8", "https://10.1.2.3/"), None);
    assert_eq!(way("proxy:1", "2001:db8::/32", "https://[2001:db8::1]:8443/"), None);
    assert!(way("proxy:1", "10.0.0.0/8", "https://11.1.2.3/").is_some());
}

#[test]
fn this_machine_and_its_link_are_never_behind_a_proxy() {
    for near in ["localhost", "127.0.0.1:4566", "[::1]", "169.254.169.254", "[fd00:ec2::254]", "x.localhost"]
    {
        assert_eq!(way("proxy:1", "", &format!("https://{near}/")), None, "{near}");
    }
}

#[test]
fn the_environment_is_read_in_lower_case_first() {
    let vars =
        [("https_proxy", "low:1"), ("HTTPS_PROXY", "up:2"), ("HTTP_PROXY", "plain:3"), ("NO_PROXY", "x")];
    let env = |name: &str| vars.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
    let proxies = Proxies::from_env(&env).unwrap();
    assert_eq!(proxies.on_the_way_to(TARGET).as_deref(), Some("low:1"));
    assert_eq!(proxies.on_the_way_to("http://y/").as_deref(), Some("plain:3"));
    assert_eq!(proxies.on_the_way_to("http://x/"), None);
}

#[test]
fn p7_a_proxys_password_is_shown_nowhere() {
    let proxies = Proxies::new(Some("http://user:sEcReT@proxy:3128"), None, "").unwrap();
    assert!(!format!("{proxies:?}{:?}", proxies.on_the_way_to(TARGET)).contains("sEcReT"));
    for wrong in ["socks5://user:sEcReT@proxy", "http://", "http://user:sEcReT@ proxy"] {
        let said = Proxies::new(Some(wrong), None, "").unwrap_err().to_string();
        assert!(!said.contains("sEcReT"), "{said}");
    }
}

#[test]
fn field_14_no_proxy_is_a_list_with_commas_blanks_or_both() {
    for none_for in [
        "a.example amazonaws.com",
        "a.example , amazonaws.com",
        "a.example,\tamazonaws.com\n",
        " ,, amazonaws.com ,",
        "10.0.0.0/8 .amazonaws.com 192.168.0.0/16",
    ] {
        assert_eq!(way("proxy:1", none_for, TARGET), None, "{none_for:?}");
    }
    for none_for in
        ["10.0.0.0/8 192.168.0.0/16", "192.168.0.0/16, 10.0.0.0/8", "10.0.0.0 / 8, x", "10.0.0.0/ 8"]
    {
        assert_eq!(way("proxy:1", none_for, "https://10.1.2.3/"), None, "{none_for:?}");
        assert!(way("proxy:1", none_for, "https://11.1.2.3/").is_some(), "{none_for:?}");
    }
}

#[test]
fn field_14_a_star_stands_for_anything_in_its_place() {
    for (none_for, target) in [
        ("10.9.*", "https://10.9.1.2/"),
        ("10.9.*.*", "https://10.9.1.2/"),
        ("10.9.*:8443", "https://10.9.1.2:8443/"),
        ("10.9.", "https://10.9.1.2/"),
        ("10.*.1.2", "https://10.9.1.2/"),
        ("states.*.amazonaws.com", TARGET),
        ("*amazonaws.com", TARGET),
        ("*.AmazonAWS.com", TARGET),
        ("states*", TARGET),
        ("*.eu-west-1.*", TARGET),
    ] {
        assert_eq!(way("proxy:1", none_for, target), None, "{none_for:?}");
    }
    for (none_for, target) in [
        ("10.9.*", "https://10.90.1.2/"),
        ("10.9.*", "https://110.9.1.2/"),
        ("10.9.*", "https://10.9.evil.example/"),
        ("10.9.*:8443", "https://10.9.1.2/"),
        ("states.*.example", TARGET),
        ("*.aws.com", TARGET),
        ("sqs*", TARGET),
    ] {
        assert!(way("proxy:1", none_for, target).is_some(), "{none_for:?}");
    }
}

#[test]
fn field_14_addresses_and_networks_are_compared_as_such_whatever_their_spelling() {
    for (none_for, target) in [
        ("[2001:db8::1]", "https://[2001:DB8:0::1]/"),
        ("2001:db8::1", "https://[2001:db8::1]:8443/"),
        ("[2001:db8::1]:8443", "https://[2001:db8::1]:8443/"),
        ("[2001:db8::]/32", "https://[2001:db8:9::1]/"),
        ("[2001:db8::/32]", "https://[2001:db8:9::1]/"),
        ("10.1.2.3:443", "https://10.1.2.3/"),
        ("10.0.0.0/8", "https://[::ffff:10.1.2.3]/"),
        ("amazonaws.com.", TARGET),
        ("amazonaws.com", "https://states.eu-west-1.amazonaws.com./"),
    ] {
        assert_eq!(way("proxy:1", none_for, target), None, "{none_for:?}");
    }
    for (none_for, target) in [
        ("[2001:db8::1]:8443", "https://[2001:db8::1]/"),
        ("10.1.2.3:8443", "https://10.1.2.3/"),
        ("10.1.2.3/33", "https://10.1.2.3/"),
        ("10.1.2.3/x", "https://10.1.2.3/"),
        ("0.0.0.0/0", "https://[2001:db8::1]/"),
    ] {
        assert!(way("proxy:1", none_for, target).is_some(), "{none_for:?}");
    }
}

#[test]
fn field_14_a_proxy_may_be_written_in_many_ways() {
    for (url, expected) in [
        ("proxy", "proxy:80"),
        ("proxy:", "proxy:80"),
        ("proxy:3128/", "proxy:3128"),
        ("HTTP://Proxy:3128", "proxy:3128"),
        ("https://proxy", "proxy:443"),
        ("https://u@proxy:8443/", "proxy:8443"),
        ("proxy.example.:1", "proxy.example.:1"),
        ("local_proxy:1", "local_proxy:1"),
        ("[2001:db8::1]:3128", "[2001:db8::1]:3128"),
        ("http://u:p@[2001:db8::1]", "[2001:db8::1]:80"),
        ("user:sEcReT@proxy:3128", "proxy:3128"),
        ("http://user:a://b@proxy:3128", "proxy:3128"),
        ("user:a://b@proxy:3128", "proxy:3128"),
    ] {
        assert_eq!(way(url, "", TARGET).as_deref(), Some(expected), "{url}");
    }
}

#[test]
fn field_14_a_proxy_that_can_not_be_used_is_told_why_and_no_secret_is() {
    for (url, said) in [
        ("socks5://user:sEcReT@proxy:1080", "socks5:// proxies are not known here"),
        ("SOCKS://proxy", "socks:// proxies are not known here"),
        ("ftp://user:sEcReT@proxy", "only http:// and https:// proxies are known"),
        ("http:proxy:3128", "// is missing"),
        ("http:/user:sEcReT@proxy:3128", "// is missing"),
        ("http://", "names no host"),
        ("http://user:sEcReT@", "names no host"),
        ("http://user:sEcReT@:3128", "names no host"),
        ("http://user:sEcReT@pro xy", "its host is none"),
        ("http://user:sEcReT@proxy:port", "its port is none"),
        ("http://user:sEcReT@proxy:0", "its port is none"),
        ("http://user:sEcReT@proxy:65536", "its port is none"),
        ("http://user:sEcReT@pr\u{f6}xy", "its host is none"),
        ("2001:db8::1", "in brackets"),
        ("http://[2001:db8::g]:1", "its host is none"),
        ("http://us%3aer:sEcReT@proxy", "a colon"),
        ("http://user:sEcReT%e9@proxy", "UTF-8"),
        ("http://user:sEcReT%0d%0aX@proxy", "control character"),
    ] {
        let told = Proxies::new(Some(url), None, "").unwrap_err().to_string();
        assert!(told.contains(said) && !told.contains("sEcReT"), "{url}: {told}");
    }
}
