import { resourceNotExists } from '../api-error';
import { seal } from '../encryption';
import type { PlatformCertificate } from '../material';
import { shanghaiRfc3339 } from '../time';
import type { Operation } from './operation';
import { oneOf, readQuery } from './parameters';

/** The platform certificates, each encrypted with the APIv3 key. */
export const listCertificates: Operation = {
  method: 'get',
  path: '/v3/certificates',
  perform: ({ keys, material }, call) => {
    const { algorithm_type: algorithm } = readQuery(call.query, { algorithm_type: oneOf('RSA', 'SM2', 'ALL') });
    const certificates = algorithm === 'SM2' ? [] : keys.certificates();
    if (certificates.length === 0)
      throw resourceNotExists('无可用的平台证书，请在商户平台-API安全申请使用微信支付公钥');
    return { status: 200, body: { data: certificates.map((each) => certificateView(each, material.apiv3Key)) } };
  },
};

function certificateView({ serial, certificate }: PlatformCertificate, apiv3Key: string): object {
  return {
    serial_no: serial,
    effective_time: shanghaiRfc3339(new Date(certificate.validFrom)),
    expire_time: shanghaiRfc3339(new Date(certificate.validTo)),
    encrypt_certificate: seal(certificate.toString(), 'certificate', apiv3Key),
  };
}
