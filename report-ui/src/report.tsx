import { ATTESTATION_REPORT } from '../../lib/abi/report.ts';
import { bytesOf } from './data.ts';
import { Hex } from './digest.tsx';
import { words } from './facts.tsx';

type Field = (typeof ATTESTATION_REPORT)[number];

/** The bytes of a field, as the specification writes its value: numbers from little-endian, bytes in order. */
function fieldText(field: Field, report: string): string {
  const hex = report.slice(field.at * 2, (field.at + field.bytes) * 2);
  if (field.type === 'bytes' || field.type === 'mbz') return hex;
  const bigEndian = (hex.match(/../g) ?? []).reverse().join('');
  return `0x${bigEndian.replace(/^0+(?=.)/, '')}`;
}

const ZERO = /^(?:00)*$/;

function Value({ value, bytes }: { value: string; bytes: boolean }) {
  if (!bytes) return <code class="text">{value}</code>;
  return ZERO.test(value) ? <span class="absent">all zero</span> : <Hex value={value} />;
}

/** The attestation report field by field, as the guest sent it. @param report 1184 bytes in base64 */
export function Report({ report }: { report: string }) {
  const hex = Array.from(bytesOf(report), (byte) => byte.toString(16).padStart(2, '0')).join('');
  const fields = ATTESTATION_REPORT.filter((field) => field.type !== 'mbz' || !ZERO.test(fieldText(field, hex)));
  return (
    <table class="report">
      <thead>
        <tr>
          <th scope="col">offset</th>
          <th scope="col">field</th>
          <th scope="col">value</th>
        </tr>
      </thead>
      <tbody>
        {fields.map((field) => (
          <tr key={field.name}>
            <td>
              <code>0x{field.at.toString(16).padStart(3, '0')}</code>
            </td>
            <th scope="row">{words(field.name)}</th>
            <td>
              <Value value={fieldText(field, hex)} bytes={field.type === 'bytes' || field.type === 'mbz'} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
