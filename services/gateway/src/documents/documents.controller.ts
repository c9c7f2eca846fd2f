import { createHash } from 'node:crypto';
import { Controller } from '@nestjs/common';
import { api, type AnswerOf } from '@deskhand/contracts';
import { Ask, Handles, type Asked } from '../http/handles.ts';
import { asyncApiDocument } from './asyncapi.ts';
import { openApiDocument } from './openapi.ts';
import { documentPage, pageStyle } from './page.ts';

const stylePolicy = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(pageStyle).digest('base64')}'; base-uri 'none'; frame-ancestors 'none'`;

/** The API, to read by programs and by people. */
@Controller()
export class DocumentsController {
  @Handles(api.openapi)
  openapi(): AnswerOf<typeof api.openapi> {
    return openApiDocument();
  }

  @Handles(api.asyncapi)
  asyncapi(): AnswerOf<typeof api.asyncapi> {
    return asyncApiDocument();
  }

  @Handles(api.docs)
  docs(@Ask() { reply }: Asked<typeof api.docs>): string {
    reply.type('text/html; charset=utf-8').header('content-security-policy', stylePolicy);
    return documentPage(openApiDocument());
  }
}
