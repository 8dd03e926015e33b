import { createFileRegistry, fromBinary, type DescMessage, type FileRegistry } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { DESCRIPTOR_SET_BASE64 } from '../../gen/descriptor-set';

/** Every .proto file of the service and what they import, as compiled by `npm run gen`. */
export const protoRegistry: FileRegistry = createFileRegistry(
  fromBinary(FileDescriptorSetSchema, Buffer.from(DESCRIPTOR_SET_BASE64, 'base64')),
);

/** The request message of an RPC given by its full name, `package.Service/Method`; undefined when there is none. */
export function requestTypeOf(rpc: string): DescMessage | undefined {
  const [service = '', method] = rpc.split('/');
  return protoRegistry.getService(service)?.methods.find(({ name }) => name === method)?.input;
}
