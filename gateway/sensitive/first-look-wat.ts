// The first look for rows that are walked in WebAssembly: line by line what `first-look.ts` says, over the same table and the same numbers.
// A test holds one against the other.
import {
  BETWEEN, BEYOND_HEX, CLOSER, COLON, DASH, DIGIT, DOT, IN_ACCOUNT, IN_BIRTH, IN_PRIVATE, kinds, MAX_FRACTION, MINUS, MIN_ACCOUNT, MIN_BASE64, MIN_BYTES, MIN_CARD,
  MIN_DATE, MIN_DOTS, MIN_IBAN, MIN_NUMBER, MIN_TOKEN_WORD, NO_BASE64, PLUS, POINT, SPACE, T, UPPER, WORD,
} from './first-look.ts'

/** Where the functions below find it in memory: two bytes for each byte, little-endian. */
export const firstLookTable: Uint8Array = Buffer.from(Uint16Array.from(kinds).buffer)

/** From `-` to `9` stand the digits, what may stand between them in a number, and a slash. */
const NINE = 0x39, SLASH = 0x2f
const kindAt = (table: number, at: string) => `(i32.load16_u offset=${table} (i32.shl (i32.load8_u ${at}) 1))`
const widen = '(if (i32.gt_u $cluster $widest) (then (local.set $widest $cluster)))'
const closeWord = `(if (i32.and (i32.ge_u $word ${MIN_TOKEN_WORD}) (i32.ne (i32.and $in_word ${DIGIT | UPPER}) 0)) (then (local.set $has_token 1)))`
const saw = (kind: number) => `(i32.ne (i32.and $seen ${kind}) 0)`

/** Functions `$may_hold start end is_text` and `$may_hold_number start end`: 0 or 1. @param table address of `firstLookTable` */
export const firstLookWat = (table: number): string => `
(func $may_hold (export) (param $start $end $is_text) (result)
  (local $at $kind $seen $cluster $widest $dots $word $in_word $has_token $is_joined)
  (if (i32.lt_u (i32.sub $end $start) ${MIN_BYTES}) (then (return 0)))
  (if (call $is_instant $start $end) (then (return 0)))
  (local.set $at $start)
  (loop $bytes
    (local.set $kind ${kindAt(table, '$at')})
    (local.set $seen (i32.or $seen $kind))
    (if (i32.and $kind ${WORD})
      (then
        (if $word (then (local.set $in_word (i32.or $in_word $kind))))
        (local.set $word (i32.add $word 1))
        (if (i32.and $kind ${DIGIT})
          (then
            (if (i32.and (i32.eqz $cluster) (i32.gt_u $word 2)) (then
              (if (i32.eqz (call $is_digit (i32.sub $at 2))) (then (local.set $is_joined 1)))))
            (local.set $cluster (i32.add $cluster 1)))
          (else ${widen} (local.set $cluster 0))))
      (else
        (if (i32.and $kind ${CLOSER}) (then (return 1)))
        ${closeWord}
        (local.set $word 0)
        (local.set $in_word 0)
        (if (i32.and $kind ${BETWEEN})
          (then (if (i32.and $kind ${DOT}) (then (local.set $dots (i32.add $dots 1)))))
          (else ${widen} (local.set $cluster 0)))))
    (br_if $bytes (i32.lt_u (local.tee $at (i32.add $at 1)) $end)))
  ${closeWord}
  ${widen}
  (if (i32.ge_u $widest ${MIN_NUMBER}) (then (return 1)))
  (if (i32.and $has_token ${saw(BEYOND_HEX)}) (then (return 1)))
  (if (i32.and (i32.ge_u $dots ${MIN_DOTS}) (i32.ne $widest 0)) (then (return 1)))
  (if (i32.and (i32.ge_u $widest ${MIN_IBAN}) $is_joined) (then (return 1)))
  (if (i32.and (i32.ge_u $widest ${MIN_ACCOUNT}) ${saw(IN_ACCOUNT)}) (then (return 1)))
  (if (i32.and (i32.ge_u $widest ${MIN_DATE}) ${saw(IN_BIRTH)}) (then (return 1)))
  (if (i32.eq (i32.and $seen ${IN_PRIVATE | DASH}) ${IN_PRIVATE | DASH}) (then (return 1)))
  (i32.and (i32.and $is_text (i32.ge_u (i32.sub $end $start) ${MIN_BASE64})) (i32.eqz (i32.and $seen ${NO_BASE64}))))

(func $may_hold_number (export) (param $start $end) (result)
  (local $at $kind $digits)
  (local.v128 $cell)
  ;; Too few digits whatever they are: that there is nothing else in it is seen in one look.
  (if (i32.lt_u (i32.sub $end $start) ${MIN_CARD}) (then
    (local.set $cell (v128.load $start))
    (return (i32.ne 0 (i32.and
      (i32.sub (i32.shl 1 (i32.sub $end $start)) 1)
      (i8x16.bitmask (v128.or
        (i8x16.gt_u (i8x16.sub $cell (i8x16.splat ${MINUS})) (i8x16.splat ${NINE - MINUS}))
        (i8x16.eq $cell (i8x16.splat ${SLASH})))))))))
  (local.set $at $start)
  (block $over
    (loop $bytes
      (br_if $over (i32.ge_u $at $end))
      (local.set $kind ${kindAt(table, '$at')})
      (if (i32.and $kind ${DIGIT})
        (then (local.set $digits (i32.add $digits 1)))
        (else (if (i32.eqz (i32.and $kind ${DOT | DASH})) (then (return 1)))))
      (local.set $at (i32.add $at 1))
      (br $bytes)))
  (i32.ge_u $digits ${MIN_CARD}))

(func $is_instant (param $start $end) (result)
  (local $at $last $byte)
  (if (i32.lt_u (i32.sub $end $start) 10) (then (return 0)))
  (if (i32.or (i32.ne (i32.load8_u offset=4 $start) ${MINUS}) (i32.ne (i32.load8_u offset=7 $start) ${MINUS})) (then (return 0)))
  (if (i32.eqz (i32.and (i32.and (call $is_pair $start) (call $is_pair (i32.add $start 2))) (i32.and (call $is_pair (i32.add $start 5)) (call $is_pair (i32.add $start 8))))) (then (return 0)))
  (local.set $at (i32.add $start 10))
  (if (i32.eq $at $end) (then (return 1)))
  (local.set $byte (i32.load8_u $at))
  (if (i32.and (i32.ne $byte ${SPACE}) (i32.ne $byte ${T})) (then (return 0)))
  (if (i32.or (i32.ne (i32.load8_u offset=3 $at) ${COLON}) (i32.ne (i32.load8_u offset=6 $at) ${COLON})) (then (return 0)))
  (if (i32.eqz (i32.and (call $is_pair (i32.add $at 1)) (i32.and (call $is_pair (i32.add $at 4)) (call $is_pair (i32.add $at 7))))) (then (return 0)))
  (local.set $at (i32.add $at 9))
  (if (i32.lt_u $at $end) (then
    (if (i32.eq (i32.load8_u $at) ${POINT}) (then
      (local.set $last (i32.add $at ${1 + MAX_FRACTION}))
      (if (i32.gt_u $last $end) (then (local.set $last $end)))
      (block $over
        (loop $digits
          (local.set $at (i32.add $at 1))
          (br_if $over (i32.ge_u $at $last))
          (br_if $digits (call $is_digit $at))))))))
  (if (i32.lt_u $at $end) (then
    (local.set $byte (i32.load8_u $at))
    (if (i32.and (i32.or (i32.eq $byte ${PLUS}) (i32.eq $byte ${MINUS})) (call $is_pair (i32.add $at 1))) (then
      (local.set $at (i32.add $at 3))
      (if (i32.lt_u $at $end) (then
        (if (i32.and (i32.eq (i32.load8_u $at) ${COLON}) (call $is_pair (i32.add $at 1))) (then (local.set $at (i32.add $at 3))))))))))
  (i32.eq $at $end))

(func $is_pair (param $at) (result)
  (i32.and (call $is_digit $at) (call $is_digit (i32.add $at 1))))

(func $is_digit (param $at) (result)
  (i32.lt_u (i32.sub (i32.load8_u $at) 0x30) 10))
`
