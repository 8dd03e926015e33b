import { status, type ServerDuplexStream, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { toBinary, type DescFile, type DescMessage } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import {
  ServerReflectionService,
  type ServerReflectionRequest,
  type ServerReflectionResponse,
} from '../../gen/grpc/reflection/v1/reflection.pb';
import { protoRegistry } from './descriptors';

type Answer = NonNullable<ServerReflectionResponse['messageResponse']>;
/** A stream of questions and answers. */
export type ReflectionCall = ServerDuplexStream<ServerReflectionRequest, ServerReflectionResponse>;

export const reflectionDefinition = ServerReflectionService;

/**
 * grpc.reflection.v1 over the compiled .proto files. The packaged implementation loses imports between files
 * (grpc/grpc-node#3018), so a file is answered here with everything it imports, directly or not.
 * A question may be answered with a hundred times its size, so `spend` counts each, and ends the stream and says false where it
 * is one too many; and none is read while answers wait for their client.
 */
export function createReflection(
  serviceNames: readonly string[],
  spend: (call: ReflectionCall) => boolean,
): UntypedServiceImplementation {
  const files = new Map([...protoRegistry.files].map((file) => [file.proto.name, file]));
  const fileOfSymbol = indexSymbols(files.values());
  const answer = (request: ServerReflectionRequest): Answer => {
    const asked = request.messageRequest;
    switch (asked?.$case) {
      case 'fileByFilename':
        return fileAnswer(files.get(asked.value));
      case 'fileContainingSymbol':
        return fileAnswer(fileOfSymbol.get(asked.value));
      case 'listServices':
        return { $case: 'listServicesResponse', value: { service: serviceNames.map((name) => ({ name })) } };
      case 'allExtensionNumbersOfType':
        return extensionNumbersAnswer(asked.value);
      case 'fileContainingExtension':
        return notFound();
      default:
        return failure(status.INVALID_ARGUMENT, 'the request asks for nothing this server knows');
    }
  };
  return {
    serverReflectionInfo: (call: ReflectionCall) => {
      let isOver = false;
      call.on('data', (request: ServerReflectionRequest) => {
        isOver ||= !spend(call);
        if (isOver) return;
        const isTaken = call.write({
          validHost: request.host,
          originalRequest: request,
          messageResponse: answer(request),
        });
        if (!isTaken) call.pause();
      });
      call.on('drain', () => call.resume());
      call.on('end', () => {
        if (!isOver) call.end();
      });
    },
  };
}

/** Every name a client may ask by: messages, fields, enums and their values, services, methods, extensions. */
function indexSymbols(files: Iterable<DescFile>): Map<string, DescFile> {
  const index = new Map<string, DescFile>();
  const addMessage = (file: DescFile, message: DescMessage): void => {
    index.set(message.typeName, file);
    for (const field of message.fields) index.set(`${message.typeName}.${field.name}`, file);
    for (const nested of message.nestedMessages) addMessage(file, nested);
    for (const nested of message.nestedEnums) index.set(nested.typeName, file);
  };
  for (const file of files) {
    for (const message of file.messages) addMessage(file, message);
    for (const service of file.services) {
      index.set(service.typeName, file);
      for (const method of service.methods) index.set(`${service.typeName}.${method.name}`, file);
    }
    for (const { typeName, values } of file.enums) {
      index.set(typeName, file);
      // The names of enum values live beside their enum, not inside it.
      for (const value of values) index.set(typeName.replace(/[^.]+$/, value.name), file);
    }
    for (const extension of file.extensions) index.set(extension.typeName, file);
  }
  return index;
}

function fileAnswer(file: DescFile | undefined): Answer {
  if (file === undefined) return notFound();
  const seen = new Set<DescFile>();
  const visit = (next: DescFile): void => {
    if (seen.has(next)) return;
    seen.add(next);
    next.dependencies.forEach(visit);
  };
  visit(file);
  const fileDescriptorProto = [...seen].map(({ proto }) => Buffer.from(toBinary(FileDescriptorProtoSchema, proto)));
  return { $case: 'fileDescriptorResponse', value: { fileDescriptorProto } };
}

/** None of our messages has extensions. */
function extensionNumbersAnswer(typeName: string): Answer {
  if (protoRegistry.getMessage(typeName) === undefined) return notFound();
  return { $case: 'allExtensionNumbersResponse', value: { baseTypeName: typeName, extensionNumber: [] } };
}

function notFound(): Answer {
  return failure(status.NOT_FOUND, 'no file declares this');
}

function failure(errorCode: status, errorMessage: string): Answer {
  return { $case: 'errorResponse', value: { errorCode, errorMessage } };
}
