import { Migration } from '@mikro-orm/migrations';

/** A migration that runs on both databases and knows which one it is on. */
export abstract class ServiceMigration extends Migration {
  protected get dialect(): 'sqlite' | 'postgres' {
    return this.driver.getPlatform().supportsSchemas() ? 'postgres' : 'sqlite';
  }

  /** The column type of JSON values. */
  protected get json(): string {
    return this.dialect === 'postgres' ? 'jsonb' : 'text';
  }
}
