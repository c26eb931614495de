// SPDX-License-Identifier: Apache-2.0
// What machines have to trust, and where they get it.
import { useWhole } from "../api";
import { t } from "../i18n";
import { Card, Page } from "../parts/page";
import { Table } from "../parts/table";
import { Copy, Days, Status } from "../parts/text";
import type { IssuersAnswer } from "./ca";

// As people compare it with a sheet of paper.
const grouped = (hex: string) =>
  hex
    .toUpperCase()
    .match(/.{1,4}/g)
    ?.join(" ") ?? "";

export function Trust() {
  const list = useWhole<IssuersAnswer>("issuer list");
  return (
    <Page title={t("trust")} of={[list]}>
      <Card title={t("roots")}>
        <p>{t("trust_text")}</p>
        <p>
          <a href="/trust/" target="_blank" rel="noreferrer">
            {t("trust_page")}
          </a>
        </p>
        <Table
          name="roots"
          caption={t("roots")}
          columns={[
            { id: "subject", label: t("name"), value: i => i.subject },
            {
              id: "state",
              label: t("state"),
              value: i => i.state,
              cell: i => <Status value={i.state} />,
            },
            { id: "algorithm", label: t("key"), value: i => i.algorithm },
            {
              id: "not_after",
              label: t("days_left"),
              value: i => i.not_after,
              cell: i => <Days until={i.not_after} soon={365} />,
              number: true,
            },
            {
              id: "sha256",
              label: "SHA-256",
              value: i => i.sha256,
              cell: i => (
                <>
                  <code>{grouped(i.sha256)}</code> <Copy text={i.sha256} />
                </>
              ),
            },
          ]}
          rows={list.data?.issuers.filter(i => i.root)}
          rowKey={i => i.id}
          empty=""
        />
      </Card>
    </Page>
  );
}
