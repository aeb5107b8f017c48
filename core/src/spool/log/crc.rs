//! CRC-32C (Castagnoli), as iSCSI and ext4 have it: eight tables, eight bytes a step. It tells damage, not forgery.

/// Of the polynomial 0x1EDC6F41, its bits reversed.
const POLYNOMIAL: u32 = 0x82f6_3b78;

const TABLES: [[u32; 256]; 8] = tables();

/// The checksum of these bytes.
pub(super) fn crc(bytes: &[u8]) -> u32 {
    let mut sum = !0;
    let (eights, rest) = bytes.as_chunks::<8>();
    for eight in eights {
        let [a, b, c, d, e, f, g, h] = (u64::from(sum) ^ u64::from_le_bytes(*eight)).to_le_bytes();
        sum = at(7, a) ^ at(6, b) ^ at(5, c) ^ at(4, d) ^ at(3, e) ^ at(2, f) ^ at(1, g) ^ at(0, h);
    }
    for byte in rest {
        let [low, ..] = sum.to_le_bytes();
        sum = (sum >> 8) ^ at(0, low ^ byte);
    }
    !sum
}

fn at(table: usize, byte: u8) -> u32 {
    TABLES[table][usize::from(byte)]
}

#[allow(clippy::cast_possible_truncation)]
const fn tables() -> [[u32; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut n = 0;
    while n < 256 {
        let (mut sum, mut bit) = (n as u32, 0);
        while bit < 8 {
            sum = if sum & 1 == 1 { (sum >> 1) ^ POLYNOMIAL } else { sum >> 1 };
            bit += 1;
        }
        tables[0][n] = sum;
        let mut table = 1;
        while table < 8 {
            // `tables[0]` is done for all smaller bytes only at the end of the outer loop, so each step is done bit by bit again.
            let mut bit = 0;
            while bit < 8 {
                sum = if sum & 1 == 1 { (sum >> 1) ^ POLYNOMIAL } else { sum >> 1 };
                bit += 1;
            }
            tables[table][n] = sum;
            table += 1;
        }
        n += 1;
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::crc;

    #[test]
    fn it_is_the_one_of_rfc_3720() {
        assert_eq!(crc(b"123456789"), 0xe306_9283);
        assert_eq!(crc(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc(&[0xff; 32]), 0x62a8_ab43);
    }
}
