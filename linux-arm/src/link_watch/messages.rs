//! What the kernel says over rtnetlink, as far as a way to the outside may begin with it.
//!
//! | message | a way may be back if |
//! |---|---|
//! | a link | it runs, and did not when it was last heard of |
//! | an address | it is good for more than its own link, and in use |
//! | a route | it is one that packets take, and leads further than to the neighbours of an IPv6 link |
//!
//! What belongs to the loopback says nothing, nor does a link that is a part of another one: on a host of containers those come and go
//! all day.

/// `RTMGRP_LINK`, `RTMGRP_IPV4_IFADDR`, `RTMGRP_IPV4_ROUTE`, `RTMGRP_IPV6_IFADDR`, `RTMGRP_IPV6_ROUTE`.
pub(super) const GROUPS: u32 = 0x1 | 0x10 | 0x40 | 0x100 | 0x400;

/// `struct nlmsghdr`: the length with the header, the type; then flags, a number and a port, which nothing here needs.
const HEADER: usize = 16;
const NEW_LINK: u16 = 16;
const DEL_LINK: u16 = 17;
const NEW_ADDRESS: u16 = 20;
const NEW_ROUTE: u16 = 24;

/// `struct ifinfomsg`: family, type of the device, index, flags, which of them changed.
const LINK: usize = 16;
const IFF_LOOPBACK: u32 = 0x8;
const IFF_RUNNING: u32 = 0x40;
const IFLA_MASTER: u16 = 10;

/// `struct ifaddrmsg`: family, length of the prefix, flags, scope, index.
const ADDRESS: usize = 8;
/// An address that is still checked for a double, or has one.
const IFA_F_DADFAILED: u8 = 0x08;
const IFA_F_TENTATIVE: u8 = 0x40;

/// `struct rtmsg`: family, lengths of destination and source, tos, table, protocol, scope, type, flags.
const ROUTE: usize = 12;
const RTN_UNICAST: u8 = 1;
const RT_TABLE_LOCAL: u8 = 255;
/// What is remembered of one destination, no route of its own.
const RTM_F_CLONED: u32 = 0x200;
const RTA_DST: u16 = 1;

/// From here on a scope is no wider than a link.
const RT_SCOPE_LINK: u8 = 253;
const AF_UNSPEC: u8 = 0;
const AF_INET6: u8 = 10;

/// So many running links are remembered. Where there are more, all are forgotten, and one of them may then count as new.
const LINKS: usize = 64;

/// The links that ran when they were last heard of.
#[derive(Debug, Default)]
pub(super) struct Links {
    running: Vec<u32>,
}

impl Links {
    /// Takes in a datagram of messages. Whether any of them means that a way to the outside may be back.
    pub(super) fn tell_a_way_back(&mut self, mut messages: &[u8]) -> bool {
        let mut back = false;
        while let Some((length, kind)) = u32_at(messages, 0).zip(u16_at(messages, 4)) {
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            let Some(body) = messages.get(HEADER..length) else { break };
            back |= self.is_way_back(kind, body).unwrap_or(false);
            messages = messages.get(aligned(length)..).unwrap_or_default();
        }
        back
    }

    /// `None`: it is shorter than its kind.
    fn is_way_back(&mut self, kind: u16, body: &[u8]) -> Option<bool> {
        match kind {
            NEW_LINK | DEL_LINK => {
                let (index, flags) = (u32_at(body, 4)?, u32_at(body, 8)?);
                // A bridge tells of its ports by the same name.
                let of_a_bridge = *body.first()? != AF_UNSPEC;
                let part = attribute(body.get(LINK..)?, IFLA_MASTER).is_some();
                let runs = kind == NEW_LINK && flags & IFF_RUNNING != 0;
                let counts = !of_a_bridge && !part && flags & IFF_LOOPBACK == 0;
                Some(counts && self.note(index, runs))
            }
            NEW_ADDRESS => {
                let head = body.get(..ADDRESS)?;
                let in_use = head[2] & (IFA_F_TENTATIVE | IFA_F_DADFAILED) == 0;
                Some(in_use && head[3] < RT_SCOPE_LINK)
            }
            NEW_ROUTE => {
                let (head, flags) = (body.get(..ROUTE)?, u32_at(body, 8)?);
                let taken = head[7] == RTN_UNICAST && head[4] != RT_TABLE_LOCAL && flags & RTM_F_CLONED == 0;
                let to = attribute(&body[ROUTE..], RTA_DST).unwrap_or_default();
                Some(taken && !(head[0] == AF_INET6 && is_near(to)))
            }
            _ => Some(false),
        }
    }

    /// Whether the link runs now, and did not before.
    fn note(&mut self, index: u32, runs: bool) -> bool {
        let known = self.running.iter().position(|link| *link == index);
        match (known, runs) {
            (None, true) => {
                if self.running.len() == LINKS {
                    self.running.clear();
                }
                self.running.push(index);
                true
            }
            (Some(at), false) => {
                self.running.swap_remove(at);
                false
            }
            _ => false,
        }
    }
}

/// Link-local, multicast, or the loopback: the first bytes of an IPv6 destination tell.
fn is_near(to: &[u8]) -> bool {
    matches!(to, [0xfe, 0x80..=0xbf, ..] | [0xff, ..] | [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])
}

/// The first attribute of this kind: length with its header of four bytes, kind, value.
fn attribute(mut attributes: &[u8], wanted: u16) -> Option<&[u8]> {
    loop {
        let (length, kind) = (usize::from(u16_at(attributes, 0)?), u16_at(attributes, 2)?);
        let value = attributes.get(4..length)?;
        if kind == wanted {
            return Some(value);
        }
        attributes = attributes.get(aligned(length)..)?;
    }
}

/// What follows begins at a multiple of four.
fn aligned(length: usize) -> usize {
    length.saturating_add(3) & !3
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|bytes| u16::from_ne_bytes(*bytes))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(kind: u16, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(HEADER + body.len()).unwrap();
        let mut bytes = [&length.to_ne_bytes()[..], &kind.to_ne_bytes(), &[0; 10], body].concat();
        bytes.resize(aligned(bytes.len()), 0);
        bytes
    }

    fn attribute_of(kind: u16, value: &[u8]) -> Vec<u8> {
        let length = u16::try_from(4 + value.len()).unwrap();
        let mut bytes = [&length.to_ne_bytes()[..], &kind.to_ne_bytes(), value].concat();
        bytes.resize(aligned(bytes.len()), 0);
        bytes
    }

    fn link(kind: u16, index: u32, flags: u32, attributes: &[u8]) -> Vec<u8> {
        let head = [&[0; 4][..], &index.to_ne_bytes(), &flags.to_ne_bytes(), &[0; 4]].concat();
        message(kind, &[&head, attributes].concat())
    }

    fn address(family: u8, flags: u8, scope: u8) -> Vec<u8> {
        message(NEW_ADDRESS, &[family, 24, flags, scope, 2, 0, 0, 0])
    }

    fn route(head: [u8; 8], flags: u32, to: &[u8]) -> Vec<u8> {
        // Another attribute before it, and of an odd length.
        let attributes = [attribute_of(15, &[1, 2, 3]), attribute_of(RTA_DST, to)].concat();
        message(NEW_ROUTE, &[&head[..], &flags.to_ne_bytes(), &attributes].concat())
    }

    fn tells(message: &[u8]) -> bool {
        Links::default().tell_a_way_back(message)
    }

    const UP: u32 = IFF_RUNNING | 0x1;

    #[test]
    fn a_link_counts_when_it_begins_to_run_and_not_while_it_does() {
        let mut links = Links::default();
        assert!(links.tell_a_way_back(&link(NEW_LINK, 2, UP, &[])));
        assert!(!links.tell_a_way_back(&link(NEW_LINK, 2, UP, &[])), "only something else of it changed");
        assert!(!links.tell_a_way_back(&link(NEW_LINK, 2, 0x1, &[])), "the cable is pulled");
        assert!(links.tell_a_way_back(&link(NEW_LINK, 2, UP, &[])));
        assert!(!links.tell_a_way_back(&link(DEL_LINK, 2, UP, &[])));
        assert!(links.tell_a_way_back(&link(NEW_LINK, 2, UP, &[])), "another one, with its number");
    }

    #[test]
    fn p10_loopback_and_the_ends_of_containers_links_say_nothing() {
        assert!(!tells(&link(NEW_LINK, 1, UP | IFF_LOOPBACK, &[])));
        let part = [attribute_of(3, b"veth0\0"), attribute_of(IFLA_MASTER, &[9, 0, 0, 0])].concat();
        assert!(!tells(&link(NEW_LINK, 7, UP, &part)));
        let mut of_a_bridge = link(NEW_LINK, 7, UP, &[]);
        of_a_bridge[HEADER] = 7;
        assert!(!tells(&of_a_bridge));
        let local = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        assert!(!tells(&route([AF_INET6, 64, 0, 0, 254, 2, 0, RTN_UNICAST], 0, &local)));
        assert!(!tells(&route([AF_INET6, 8, 0, 0, 254, 2, 0, RTN_UNICAST], 0, &[0xff; 16])));
        assert!(!tells(&route([2, 32, 0, 0, RT_TABLE_LOCAL, 2, 254, RTN_UNICAST], 0, &[10, 0, 0, 1])));
    }

    #[test]
    fn addresses_count_that_lead_further_than_their_link_and_are_in_use() {
        assert!(tells(&address(2, 0x80, 0)));
        assert!(tells(&address(AF_INET6, 0, 0)));
        assert!(!tells(&address(AF_INET6, IFA_F_TENTATIVE, 0)));
        assert!(!tells(&address(AF_INET6, 0x80, RT_SCOPE_LINK)), "fe80::");
        assert!(!tells(&address(2, 0x80, 254)), "127.0.0.1");
    }

    #[test]
    fn routes_count_that_packets_take() {
        assert!(tells(&route([2, 0, 0, 0, 254, 3, 0, RTN_UNICAST], 0, &[])), "the default route");
        assert!(tells(&route([2, 24, 0, 0, 254, 2, 253, RTN_UNICAST], 0, &[10, 77, 0, 0])));
        assert!(tells(&route([AF_INET6, 0, 0, 0, 254, 9, 0, RTN_UNICAST], 0, &[])));
        assert!(!tells(&route([AF_INET6, 0, 0, 0, 254, 2, 0, 7], 0, &[])), "unreachable");
        assert!(!tells(&route([2, 32, 0, 0, 254, 0, 0, RTN_UNICAST], RTM_F_CLONED, &[10, 0, 0, 1])));
    }

    #[test]
    fn p6_what_is_remembered_of_links_has_a_bound() {
        let mut links = Links::default();
        for index in 0..10_000 {
            links.tell_a_way_back(&link(NEW_LINK, index, UP, &[]));
            assert!(links.running.len() <= LINKS);
        }
    }

    #[test]
    fn a_datagram_may_hold_several_messages_and_a_cut_one_says_nothing() {
        let quiet = address(2, 0, 254);
        let last = address(2, 0, 0);
        assert!(tells(&[quiet.clone(), message(3, &[1, 2, 3]), last.clone()].concat()));
        for cut in 0..last.len() {
            assert!(!tells(&[&quiet, &last[..cut]].concat()), "cut after {cut} bytes");
        }
    }

    proptest! {
        #[test]
        fn p9_no_bytes_hang_or_end_it(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            tells(&bytes);
        }

        /// Whatever its length and its attributes' lengths claim.
        #[test]
        fn p9_no_message_hangs_or_ends_it(
            kind in prop_oneof![Just(NEW_LINK), Just(DEL_LINK), Just(NEW_ADDRESS), Just(NEW_ROUTE)],
            body in proptest::collection::vec(any::<u8>(), 0..80),
            length in 0..120u32,
        ) {
            let mut bytes = message(kind, &body);
            bytes[..4].copy_from_slice(&length.to_ne_bytes());
            tells(&[bytes.clone(), message(kind, &body)].concat());
            let mut links = Links::default();
            links.tell_a_way_back(&message(kind, &body));
            prop_assert!(links.running.len() <= 1);
        }
    }
}
