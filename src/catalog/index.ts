/** What the root and other domains may use of the catalogue. Meaning and invariants: README.md. */
export { basicFeaturesAt, basicFeaturesRead } from './basic-features';
export { createCatalogService } from './catalog.rpc';
export { toPlanMessage } from './plan-messages.rpc';
export {
  readBasicFeatures,
  readDearestPrice,
  readPlanOnSale,
  readPlansOnSale,
  requirePlans,
  type FeatureLimits,
  type PlanOffer,
} from './plan.queries';
export { createTariffs } from './tariffs';
