import type { ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';

/** grpc.health.v1.Health for a server's services. Not serving until told so. */
export interface Health {
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
  /** Answers Check and tells every Watch, for each service and for the server as a whole (''). */
  setServing(isServing: boolean): void;
}

/** Takes the packaged implementation apart, so that its handlers can be guarded before they are served. */
export function createHealth(serviceNames: readonly string[]): Health {
  const names = ['', ...serviceNames];
  const health = new HealthImplementation(Object.fromEntries(names.map((name) => [name, 'NOT_SERVING'])));
  const parts: Pick<Health, 'definition' | 'implementation'>[] = [];
  health.addToServer({
    addService: (definition, implementation) => {
      parts.push({
        definition: definition,
        implementation: implementation,
      });
    },
  });
  const [part] = parts;
  if (part === undefined) throw new Error('grpc-health-check added no service.');
  return {
    ...part,
    setServing: (isServing) => {
      for (const name of names) health.setStatus(name, isServing ? 'SERVING' : 'NOT_SERVING');
    },
  };
}
